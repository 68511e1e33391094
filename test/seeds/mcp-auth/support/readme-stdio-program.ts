import * as gatehouse from '../../../../src/index.ts';
import { BLOCKS } from './readme-blocks.ts';
import { runBlock } from './run-block.ts';

// The block of tool-level authentication, run as a program over stdio.
class MyAPIClient {
  readonly #accessToken: string;

  constructor(accessToken: string) {
    this.#accessToken = accessToken;
  }

  async getData(args: unknown) {
    return { args, from: `account of ${this.#accessToken}` };
  }
}

await runBlock(BLOCKS['tool-level authentication'], {
  modules: { 'mcp-gatehouse': gatehouse },
  env: process.env,
  names: { MyAPIClient },
});
