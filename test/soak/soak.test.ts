import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkTerminated } from './ending.ts';
import { createLoad } from './load.ts';
import { childrenOf } from './proc.ts';
import { type GateProcess, openWorld, type World } from './world.ts';

/** The first seconds of `npm run soak`, and its end: enough to see what goes wrong at once. */
const SEED = 20;
const LOAD_MS = 12_000;

// What the system says of processes is in /proc.
const isHere = process.platform === 'linux';

let world: World;
let gate: GateProcess;
beforeAll(async () => {
  world = await openWorld();
  gate = await world.startGate();
}, 60_000);
afterAll(() => world?.close(), 60_000);

it.runIf(isHere)(
  '[soak] thirty users get what is theirs, and SIGTERM under load loses no call',
  async () => {
    const load = createLoad(world, gate, SEED);
    await load.work(LOAD_MS);
    expect(load.violations).toEqual([]);
    expect(load.ledger.counts.get('result')).toBeGreaterThan(50);
    expect(childrenOf(gate.pid).length).toBeLessThanOrEqual(6);
    expect(await checkTerminated(world, gate, load)).toEqual([]);
  },
  180_000,
);
