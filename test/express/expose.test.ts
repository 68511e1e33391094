import express from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { serve } from '../../examples/auth-token/parts/serve.ts';
import { type ExposeExpressOptions, exposeExpress } from '../../src/adapters/expose-express.ts';
import { createLocalIssuer } from '../../src/testing/local-issuer.ts';

async function start(options: Omit<ExposeExpressOptions, 'publicUrl'> = {}) {
  const app = express();
  for (const path of ['/open', '/closed', '/scoped']) {
    app.get(path, (_request, response) => {
      response.json({ path });
    });
  }
  const { close, url } = await serve(() => app, { port: 0 });
  onTestFinished(close);
  const exposed = await exposeExpress(app as never, { publicUrl: url, ...options });
  onTestFinished(() => exposed.close());
  app.use(exposed.handler);
  const invoke = async (route: string, headers: Readonly<Record<string, string>> = {}): Promise<number> => {
    const body = JSON.stringify({ toolName: `GET_/${route}`, args: {} });
    const response = await fetch(`${url}/mcp/invoke`, { method: 'POST', headers, body });
    await response.text();
    return response.status;
  };
  return { url, invoke };
}

describe('whom the gate lets pass to an app', () => {
  it('is everybody where the app decides, but for routes that say more', async () => {
    const routes = { 'GET /closed': { access: 'required' }, 'GET /scoped': { scopes: ['a'] } } as const;
    const { invoke } = await start({ routes });
    for (const headers of [{}, { authorization: 'Bearer of nobody' }]) {
      expect(await invoke('open', headers)).toBe(200);
      expect(await invoke('closed', headers)).toBeGreaterThanOrEqual(401);
      expect(await invoke('scoped', headers)).toBeGreaterThanOrEqual(401);
    }
    expect(await invoke('open', { origin: 'https://elsewhere.example' })).toBe(403);
  });

  it('is who has signed in, where that is required', async () => {
    const issuer = await createLocalIssuer();
    onTestFinished(() => issuer.close());
    const { issuer: name, jwksUri } = issuer;
    const { invoke, url } = await start({
      auth: [{ type: 'jwt', issuer: name, jwksUri }],
      routes: { 'GET /open': { access: 'app' }, 'GET /scoped': { scopes: ['a'] } },
    });
    const token = await issuer.token({ subject: 'alice', audience: `${url}/mcp` });
    const signedIn = { authorization: `Bearer ${token}` };
    expect([await invoke('open'), await invoke('closed'), await invoke('scoped')]).toEqual([200, 401, 401]);
    expect(await invoke('closed', { authorization: 'Bearer bad' })).toBe(401);
    expect([await invoke('closed', signedIn), await invoke('scoped', signedIn)]).toEqual([200, 403]);
  });

  it('is said in one way', async () => {
    await expect(start({ access: 'required' })).rejects.toThrow('needs auth');
    const auth = [{ type: 'jwt', secret: 's'.repeat(40) }] as const;
    await expect(start({ access: 'app', auth })).rejects.toThrow('leave auth out');
  });
});
