import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, serverFactory } from './sdk-v2.mjs';
import { input, serve } from './support.mjs';

const { tools } = await input();
const handler = createMcpHandler(serverFactory(tools), { legacy: 'stateless' });
serve(createServer(toNodeHandler(handler)));
