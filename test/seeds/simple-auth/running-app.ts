import { onTestFinished } from 'vitest';
import { serve } from '../../../examples/auth-token/parts/serve.ts';
import type { GatedApp } from '../../../examples/simple-auth/step-2-sessions.ts';

/** Serves what one step makes, on a port of its own; closed when the test is over. */
export async function startGated(create: (url: string) => Promise<GatedApp>): Promise<string> {
  const { close, url } = await serve(
    async (address) => {
      const { app, gate } = await create(address);
      onTestFinished(() => gate.close());
      return app;
    },
    { port: 0 },
  );
  onTestFinished(close);
  return url;
}
