import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDebtTable } from './debt-table.ts';

describe('createDebtTable', () => {
  it('finds, updates and counts what was added', () => {
    const table = createDebtTable(10);
    table.add('a', 100, 0);
    table.add('b', 200, 0);
    table.update(table.slotOf('a'), 300);
    expect(table.paidAt(table.slotOf('a'))).toBe(300);
    expect(table.paidAt(table.slotOf('b'))).toBe(200);
    expect(table.slotOf('c')).toBe(-1);
    expect(table.size).toBe(2);
  });

  it('drops paid entries before any debt when full', () => {
    const table = createDebtTable(3);
    table.add('owes much', 900, 0);
    table.add('paid', 10, 0);
    table.add('owes little', 50, 0);
    table.add('new', 60, 20);
    expect(table.slotOf('paid')).toBe(-1);
    for (const key of ['owes much', 'owes little', 'new']) expect(table.slotOf(key)).not.toBe(-1);
  });

  it('forgives the smallest debt when full of debts', () => {
    const table = createDebtTable(3);
    table.add('large', 900, 0);
    table.add('small', 50, 0);
    table.add('medium', 500, 0);
    table.add('new', 600, 20);
    expect(table.slotOf('small')).toBe(-1);
    expect(table.paidAt(table.slotOf('large'))).toBe(900);
    expect(table.paidAt(table.slotOf('medium'))).toBe(500);
    expect(table.size).toBe(3);
  });

  it('shrinks as keys come in although none is asked for again', () => {
    const table = createDebtTable(1000);
    for (let i = 0; i < 1000; i += 1) table.add(`old ${i}`, 10, 0);
    for (let i = 0; i < 500; i += 1) table.add(`new ${i}`, 100, 50);
    expect(table.size).toBeLessThanOrEqual(502);
    for (let i = 0; i < 500; i += 1) expect(table.paidAt(table.slotOf(`new ${i}`))).toBe(100);
  });

  it('never loses or mixes up a debt while there is room, and never exceeds its bound', () => {
    const addition = fc.record({
      key: fc.integer({ min: 0, max: 60 }),
      owes: fc.integer({ min: 1, max: 40 }),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 80 }),
        fc.array(addition, { maxLength: 200 }),
        (maxKeys, additions) => {
          const table = createDebtTable(maxKeys);
          const model = new Map<string, number>();
          for (const [now, { key, owes }] of additions.entries()) {
            const name = `key ${key}`;
            const slot = table.slotOf(name);
            if (slot === -1) table.add(name, now + owes, now);
            else table.update(slot, now + owes);
            model.set(name, now + owes);
            expect(table.size).toBeLessThanOrEqual(maxKeys);
            expect(table.paidAt(table.slotOf(name))).toBe(now + owes);
            const wrong = [...model].filter(([other, paidAt]) => {
              const at = table.slotOf(other);
              return at === -1 ? maxKeys > 60 && paidAt > now : table.paidAt(at) !== paidAt;
            });
            expect(wrong).toEqual([]);
          }
        },
      ),
    );
  });
});
