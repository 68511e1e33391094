import { type Call, callDirectly, playRows } from './parts/play-rows.ts';
import { ROWS } from './rows.ts';

/** Plays every row; by default over HTTP. @throws Error at the first that is not as it says */
export async function check(baseUrl: string, call: Call = callDirectly(baseUrl)): Promise<number> {
  await playRows(ROWS, call);
  return ROWS.length;
}
