import { serveStdio } from '../../../src/adapters/stdio.ts';
import { createGate } from '../../../src/gate.ts';
import { type GatePlace, gateOptions, nameOf } from '../gates.ts';
import { SERVERS } from '../servers/kinds.ts';

/**
 * A gate in front of one kind of server, over stdio for the user whom the environment names and over HTTP for others.
 * Over HTTP that user is who brings no credential, so that the progress of calls over stdio can be asked for.
 */
const [name = '', place = ''] = process.argv.slice(2);
const kind = SERVERS.find((each) => each.name === name);
if (kind === undefined) throw new Error(`No kind of server is called ${name}`);
const options = gateOptions(JSON.parse(place) as GatePlace, [kind]);
const gate = await createGate({
  ...options,
  auth: [...options.auth, { type: 'environment', requireUserId: true, dangerouslyAllowEnvOverHttp: true }],
});
await gate.listen();
const { closed } = await serveStdio(gate, { server: nameOf(kind, 'stateless') });
// It listens, so it would outlive the client that started it.
await closed;
await gate.close();
process.exit();
