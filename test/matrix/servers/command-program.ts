import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { openJournal } from '../journal.ts';
import { ownerOf } from './owner.ts';
import { createV1Server } from './v1-server.ts';

/** A server over stdio, as there are many: SDK v1, for the one user whose token is in its environment. */
const { MATRIX_JOURNAL = '', TOKEN = '' } = process.env;
const server = createV1Server({
  user: ownerOf(TOKEN),
  token: TOKEN,
  journal: openJournal(MATRIX_JOURNAL),
  die: () => process.exit(1),
});
await server.connect(new StdioServerTransport());
