// Signs a person in with MSAL in each of its ways, and exchanges each token: by device code, by authorization code with
// PKCE, and by the refresh token of the first. The person answers at the emulator's pages.
// usage: node people.mjs URL    prints {"device code": {"status": 200, "amr": […]}, …}
import { PublicClientApplication } from '@azure/msal-node';

const url = process.argv[2];
const scopes = ['https://api.partnercenter.microsoft.com/user_impersonation'];
const application = new PublicClientApplication({
  auth: {
    clientId: '5a3d9a0c-0000-4000-8000-47c7ecd2edbd',
    authority: `${url}/7b3d9a0c-0000-4000-8000-47c7ecd2edbd`,
    knownAuthorities: [new URL(url).host],
  },
});

async function exchange(signedIn) {
  const answer = await fetch(`${url}/v3/generatetoken`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${signedIn.accessToken}`, Accept: 'application/json' },
    body: new URLSearchParams({ grant_type: 'jwt_token' }),
  });
  const claims = JSON.parse(Buffer.from(signedIn.accessToken.split('.')[1], 'base64url'));
  return { status: answer.status, amr: claims.amr, token: (await answer.json()).access_token };
}

// A form as a browser without scripts would send it.
const decode = text => text.replaceAll('&#43;', '+').replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');

async function browser(page) {
  const answered = await (await fetch(page, { method: 'POST', body: new URLSearchParams({ sign_in: 'mfa' }) })).text();
  const fields = [...answered.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(m => [m[1], decode(m[2])]);
  await fetch(decode(answered.match(/action="([^"]+)"/)[1]), { method: 'POST', body: new URLSearchParams(fields) });
}

const byCode = await application.acquireTokenByDeviceCode({
  scopes,
  deviceCodeCallback: code => fetch(`${url}/_emulator/devicecodes`, { method: 'POST', body: JSON.stringify({ userCode: code.userCode }) }),
});
const refreshed = await application.acquireTokenSilent({ account: byCode.account, scopes, forceRefresh: true });
const byBrowser = await application.acquireTokenInteractive({ scopes, openBrowser: browser });
console.log(JSON.stringify({
  'device code': await exchange(byCode),
  'refresh token': { ...await exchange(refreshed), fresh: refreshed.accessToken !== byCode.accessToken },
  'authorization code': await exchange(byBrowser),
}));
process.exit(0); // MSAL keeps its loopback server for a while
