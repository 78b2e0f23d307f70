// Signs in at an authority with MSAL, a client of Entra that nobody here wrote, and exchanges the token.
// usage: node exchange.mjs URL    prints {"status": 200, "audience": …, "token": …} of the exchange
import { ConfidentialClientApplication } from '@azure/msal-node';

const url = process.argv[2];
const application = new ConfidentialClientApplication({
  auth: {
    clientId: '5a3d9a0c-0000-4000-8000-47c7ecd2edbd',
    clientSecret: 'any-secret',
    authority: `${url}/7b3d9a0c-0000-4000-8000-47c7ecd2edbd`,
    knownAuthorities: [new URL(url).host], // so that it does not ask the real Entra about this one
  },
});
const signedIn = await application.acquireTokenByClientCredential({
  scopes: ['https://api.partnercenter.microsoft.com/.default'],
});
const answer = await fetch(`${url}/v3/generatetoken`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${signedIn.accessToken}`, Accept: 'application/json' },
  body: new URLSearchParams({ grant_type: 'jwt_token' }),
});
const claims = JSON.parse(Buffer.from(signedIn.accessToken.split('.')[1], 'base64url'));
console.log(JSON.stringify({ status: answer.status, audience: claims.aud, token: (await answer.json()).access_token }));
