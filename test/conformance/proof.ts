import type { ExaminedGate } from './examined-gate.ts';
import { SIMPLE_TEXT } from './servers/content.ts';

const VERSION = '2026-07-28';

/**
 * Shows, on the gate that is about to be judged, that its guards are on: a suite that passes a server nobody guards
 * says nothing.
 *
 * @throws Error that tells what was not as it must be.
 */
export async function proveGuarded(gate: ExaminedGate): Promise<void> {
  const admitted = await post(gate.url, 'tools/call', await gate.token());
  demand(admitted.status === 200, `a call with the token was answered ${admitted.status}`);
  demand(admitted.body.includes(SIMPLE_TEXT), `a call with the token was answered ${admitted.body}`);

  const anonymous = await post(gate.url, 'tools/call');
  demand(anonymous.status === 401, `a call without token was answered ${anonymous.status}`);
  demand(anonymous.challenge.startsWith('Bearer '), `401 with the challenge "${anonymous.challenge}"`);

  const forged = await post(gate.url, 'tools/call', `${await gate.token()}x`);
  demand(forged.status === 401, `a call with a forged token was answered ${forged.status}`);

  const narrow = await post(gate.url, 'tools/call', await gate.token(['conformance:read']));
  demand(narrow.status === 403, `a call without the scope was answered ${narrow.status}`);
  const { challenge } = narrow;
  demand(challenge.includes('insufficient_scope'), `403 with the challenge "${challenge}"`);
  demand(challenge.includes('conformance:run'), `403 with the challenge "${challenge}"`);

  const listed = await post(gate.url, 'tools/list', await gate.token());
  demand(listed.body.includes('test_simple_text'), 'tools/list shows no tool');
  demand(!listed.body.includes('purge_all'), 'tools/list shows a tool that needs another role');
}

/** The audit log tells of every call that the judge made, in the name of its tenant. */
export async function proveAudited(gate: ExaminedGate, tenant: string): Promise<number> {
  const lines = await gate.readAudit();
  const calls = lines.filter((line) => JSON.stringify(line).includes(tenant));
  demand(calls.length > 0, 'the audit log is empty');
  return calls.length;
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`The gate is not what is to be judged: ${otherwise}`);
}

async function post(url: URL, method: 'tools/call' | 'tools/list', token?: string) {
  const name = 'test_simple_text';
  const isCall = method === 'tools/call';
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': VERSION,
      'mcp-method': method,
      ...(isCall && { 'mcp-name': name }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method,
      params: {
        ...(isCall && { name, arguments: {} }),
        _meta: {
          'io.modelcontextprotocol/protocolVersion': VERSION,
          'io.modelcontextprotocol/clientCapabilities': {},
        },
      },
    }),
  });
  const challenge = response.headers.get('www-authenticate') ?? '';
  return { status: response.status, challenge, body: await response.text() };
}
