import { randomBytes } from 'node:crypto';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { checkUpstreamToken } from '../upstream-token.ts';
import { createV2Server } from './v2-server.ts';

// The server as a command of its own.
checkUpstreamToken(process.env['UPSTREAM_TOKEN'] ?? '');
const requestStateKey = randomBytes(32).toString('hex');
serveStdio(() => createV2Server(requestStateKey));
