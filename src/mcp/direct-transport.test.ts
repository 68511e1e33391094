import { expect, it } from 'vitest';
import { callerOf } from '../../test/support/guard-parts.ts';
import { SignalPresence } from '../http/client-presence.ts';
import { DirectTransport } from './direct-transport.ts';
import { openExchange } from './exchange.ts';

it('answers for a server that closed before it was given the request', async () => {
  const presence = new SignalPresence(new AbortController().signal);
  const exchange = { caller: callerOf(), verdicts: new Map(), extras: { query: {}, headers: {} }, presence };
  const transport = new DirectTransport({
    era: 'modern',
    message: { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo' } },
    request: new Request('http://gate.invalid/'),
    authInfo: openExchange(exchange, 'alice'),
    presence,
  });
  await transport.close();
  await expect(transport.exchange()).rejects.toMatchObject({ code: 'TRANSPORT_ERROR' });
});
