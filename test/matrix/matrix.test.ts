import { afterAll, beforeAll, describe, it } from 'vitest';
import { BEHAVIOURS } from './behaviours/all.ts';
import type { Cell } from './behaviours/behaviour.ts';
import { SERVERS } from './servers/kinds.ts';
import { openSite, type Site } from './site.ts';
import { WAYS } from './ways/all.ts';

let shared: Site;
beforeAll(async () => {
  shared = await openSite(SERVERS);
});
afterAll(() => shared?.close());

for (const kind of SERVERS) {
  describe(`server: ${kind.title}`, () => {
    for (const way of WAYS) {
      describe(`way: ${way.title}`, () => {
        let cell: Cell;
        beforeAll(async () => {
          const suffix = `${SERVERS.indexOf(kind)}-${WAYS.indexOf(way)}`;
          cell = { kind, way, ...(await way.open({ kind, shared, suffix })) };
        });
        afterAll(() => cell?.close());

        for (const { title, expectHolds } of BEHAVIOURS) it(`behaviour: ${title}`, () => expectHolds(cell));
      });
    }
  });
}
