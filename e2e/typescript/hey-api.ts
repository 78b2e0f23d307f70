// A client that @hey-api/openapi-ts makes of the contract: one exchange by each operation, as many times as told, with a
// line of JSON for each. usage: node hey-api.js URL TIMES
import { createClient } from './generated/hey-api/client/index.js';
import { generateToken, generateTokenLegacy } from './generated/hey-api/index.js';

const [url = '', times = '1'] = process.argv.slice(2);
const client = createClient({ baseUrl: url, auth: () => 'any', headers: { Accept: 'application/json' } });

for (const [path, operation] of [['/v3/generatetoken', generateToken], ['/generatetoken', generateTokenLegacy]] as const) {
  for (let i = 0; i < Number(times); i++) {
    const { data, error, response } = await operation({
      client,
      headers: { 'ms-requestid': crypto.randomUUID(), 'ms-correlationid': crypto.randomUUID() },
      body: { grant_type: 'jwt_token' },
    });
    const token: string | undefined = data?.access_token;
    const lifetime: number | string | undefined = data?.expires_in;
    const code: string | undefined = error?.code;
    console.log(JSON.stringify({ path, status: response?.status, token, lifetime, code }));
  }
}

// What the contract does not have is no program.
async function wrong() {
  // @ts-expect-error there is one grant
  await generateTokenLegacy({ client, body: { grant_type: 'password' } });
  // @ts-expect-error the body is required
  await generateToken({ client });
  const { data, error } = await generateToken({ client, body: { grant_type: 'jwt_token' } });
  // @ts-expect-error a token has no such member
  data?.refresh_token;
  // @ts-expect-error the code is no number
  const code: number | undefined = error?.code;
}
void wrong;
