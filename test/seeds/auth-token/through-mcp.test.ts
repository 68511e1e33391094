import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../../examples/auth-token/app.ts';
import { exposeTools } from '../../../examples/auth-token/expose.ts';
import { createPlayer, type Player } from '../../../examples/auth-token/parts/play-rows.ts';
import { type Serving, serve } from '../../../examples/auth-token/parts/serve.ts';
import { callInvoke, callOverMcp } from '../../../examples/auth-token/parts/ways.ts';
import { ROWS } from '../../../examples/auth-token/rows.ts';

describe.each([
  ['POST /mcp/invoke', callInvoke],
  ['a client of MCP', callOverMcp],
] as const)('every row of the story, through %s', (_way, callThrough) => {
  let serving: Serving;
  let close: () => Promise<void>;
  let play: Player;

  beforeAll(async () => {
    const app = createApp({ audit: () => undefined });
    serving = await serve(() => app, { port: 0 });
    const exposed = await exposeTools(app, serving.url);
    close = () => exposed.close();
    play = createPlayer(callThrough(serving.url));
  });
  afterAll(async () => {
    await close();
    await serving.close();
  });

  it.each(ROWS.map((row) => [row.title, row] as const))('%s', async (_title, row) => {
    expect(await play(row)).toBeUndefined();
  });
});
