import { join } from 'node:path';
import { serverFactory } from './sdk-v2.mjs';
import { toolNames } from './support.mjs';

const PRINCIPALS = 2000;

/** A gate as one would configure it: JWTs through JWKS, a scope for each tool, a limit, and an audit file. */
export function gateOptions({ directory, issuer, jwksUri, mode, publicUrl, scope, tools }) {
  const build = serverFactory(tools);
  const rules = toolNames(tools).map((name) => [`bench/${name}`, { scopes: [scope] }]);
  return {
    publicUrl,
    listen: { host: '127.0.0.1', port: 0, path: '/mcp' },
    servers: {
      bench: {
        factory: (_token, _userId, extras) => build(extras),
        instances: mode.includes('pooled') ? { mode: 'pooled', max: PRINCIPALS } : { mode: 'fresh' },
        sessions: mode.includes('session')
          ? { mode: 'stateful', max: sessionsOf(mode) }
          : { mode: 'stateless' },
      },
    },
    auth: [{ type: 'jwt', issuer, jwksUri }],
    authorization: { tools: Object.fromEntries(rules) },
    limits: { calls: [{ per: 'principal', rate: '100000000/min' }] },
    audit: [{ type: 'file', path: join(directory, 'audit.jsonl') }],
  };
}

function sessionsOf(mode) {
  const [, count] = /session:(\d+)/.exec(mode) ?? [];
  return count === undefined ? PRINCIPALS : Number(count);
}
