import { expect } from 'vitest';
import { namesIn, rpc } from '../../support/wire.ts';
import { TOOLS } from '../servers/behaviour.ts';
import type { Behaviour } from './behaviour.ts';

export const listFilter: Behaviour = {
  title: 'list filter',
  async expectHolds({ alice, bob, kind, site }) {
    // What a scope opens is listed, so that it can be asked for; what only a role opens is not.
    const visible = TOOLS.filter((tool) => tool !== 'secret').toSorted();
    for (const peer of [alice, bob]) {
      const own = new Set(site.journal.grownBy(peer.user));
      const listed = await peer.tools();
      expect(listed.filter((tool) => !own.has(tool)).toSorted()).toEqual(visible);
    }
    const url = site.urlOf(kind, 'stateless');
    const token = await site.token({
      subject: `admin-and-${alice.user}`,
      audience: url,
      roles: ['admin'],
    });
    const all = await rpc(url, { era: '2026-07-28', token, method: 'tools/list' });
    expect(namesIn(all, 'tools')).toEqual(TOOLS.toSorted());
    await alice.say('whoami');
  },
};
