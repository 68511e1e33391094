import { type Call, callDirectly, playRows } from '../auth-token/parts/play-rows.ts';
import { signIn } from './browser.ts';
import { MOCK_ROWS, TENANT_ROWS, WHO } from './rows.ts';

/** Plays every row that holds with the mock table. @throws Error at the first that is not as it says */
export async function checkMock(baseUrl: string, call: Call = callDirectly(baseUrl)): Promise<number> {
  await playRows(MOCK_ROWS, call);
  return MOCK_ROWS.length;
}

/** Signs everybody in at the tenant and plays every row with their tokens. @throws Error as `checkMock` */
export async function checkTenant(baseUrl: string, call: Call = callDirectly(baseUrl)): Promise<number> {
  await playRows(TENANT_ROWS, call, await signAllIn(baseUrl));
  return TENANT_ROWS.length;
}

/** The tokens that rows name, from signing in as a browser does. */
export async function signAllIn(baseUrl: string): Promise<Readonly<Record<string, string>>> {
  const tokens: Record<string, string> = {};
  for (const { email, name } of WHO) tokens[name] = (await signIn(baseUrl, email)).access_token;
  return tokens;
}
