// A client that openapi-typescript and openapi-fetch make of the contract: one exchange by each operation, as many times
// as told, with a line of JSON for each. usage: node openapi-fetch.js URL TIMES
import createClient from 'openapi-fetch';
import type { paths } from './generated/openapi.js';

const [url = '', times = '1'] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: 'Bearer any', Accept: 'application/json' } });

for (const path of ['/v3/generatetoken', '/generatetoken'] as const) {
  for (let i = 0; i < Number(times); i++) {
    const { data, error, response } = await client.POST(path, {
      params: { header: { 'ms-requestid': crypto.randomUUID(), 'ms-correlationid': crypto.randomUUID() } },
      body: { grant_type: 'jwt_token' },
    });
    const token: string | undefined = data?.access_token;
    const lifetime: number | string | undefined = data?.expires_in;
    const code: string | undefined = error?.code;
    console.log(JSON.stringify({ path, status: response.status, token, lifetime, code }));
  }
}

// What the contract does not have is no program.
async function wrong() {
  // @ts-expect-error there is one grant
  await client.POST('/generatetoken', { body: { grant_type: 'password' } });
  // @ts-expect-error the body is required
  await client.POST('/v3/generatetoken', {});
  // @ts-expect-error the method is POST
  await client.GET('/v3/generatetoken');
  const { data, error } = await client.POST('/v3/generatetoken', { body: { grant_type: 'jwt_token' } });
  // @ts-expect-error a token has no such member
  data?.refresh_token;
  // @ts-expect-error the code is no number
  const code: number | undefined = error?.code;
}
void wrong;
