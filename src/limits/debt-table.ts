/**
 * When each key will have paid its debt, in ticks of the limiter's clock. Never holds more than
 * `maxKeys`: a paid debt is as good as none, so paid entries are dropped as new keys come in. Where the
 * table is full and none of those looked at is paid, `roomAt` tells so, and `add` forgives the smallest.
 */
export interface DebtTable {
  readonly size: number;
  /** Place of a key until the next `add`; -1 when it has no debt on record. */
  slotOf(key: string): number;
  paidAt(slot: number): number;
  update(slot: number, paidAt: number): void;
  /** When there is room for another key: `now`, or when the smallest debt among those looked at is paid. */
  roomAt(now: number): number;
  /** Adds a key that has no slot; `now` tells which debts are paid. */
  add(key: string, paidAt: number, now: number): void;
}

/** Looks per added key while there is room: half may meet an entry that just filled a gap, two drop one. */
const LOOKS = 4;
/** Looks per added key when full: bounds the work a flood of new keys can cause. */
const LOOKS_WHEN_FULL = 64;
const FIRST_CAPACITY = 64;

export function createDebtTable(maxKeys: number): DebtTable {
  const slots = new Map<string, number>();
  const keys: string[] = [];
  let debts = new Float64Array(Math.min(FIRST_CAPACITY, maxKeys));
  let cursor = 0;

  const paidAt = (slot: number): number => debts[slot] ?? 0;

  function remove(slot: number): void {
    const key = keys[slot];
    const lastKey = keys.pop();
    if (key === undefined || lastKey === undefined) return;
    slots.delete(key);
    if (slot === keys.length) return;
    // The last entry fills the gap, so the table stays dense.
    keys[slot] = lastKey;
    slots.set(lastKey, slot);
    debts[slot] = paidAt(keys.length);
  }

  /** Drops what is paid among the next entries; if nothing was, returns the slot of the smallest debt. */
  function sweep(looks: number, now: number): number {
    let smallest = -1;
    for (let look = Math.min(looks, keys.length); look > 0; look -= 1) {
      if (cursor >= keys.length) cursor = 0;
      if (paidAt(cursor) <= now) {
        remove(cursor);
      } else {
        if (smallest === -1 || paidAt(cursor) < paidAt(smallest)) smallest = cursor;
        cursor += 1;
      }
    }
    return smallest;
  }

  function makeRoom(now: number): void {
    if (keys.length < maxKeys) {
      sweep(LOOKS, now);
    } else {
      const smallest = sweep(LOOKS_WHEN_FULL, now);
      if (keys.length === maxKeys) remove(smallest);
    }
    if (keys.length < debts.length) return;
    const larger = new Float64Array(Math.min(debts.length * 2, maxKeys));
    larger.set(debts);
    debts = larger;
  }

  return {
    get size() {
      return keys.length;
    },
    slotOf: (key) => slots.get(key) ?? -1,
    paidAt,
    update(slot, value) {
      debts[slot] = value;
    },
    roomAt(now) {
      if (keys.length < maxKeys) return now;
      const smallest = sweep(LOOKS_WHEN_FULL, now);
      return keys.length < maxKeys ? now : paidAt(smallest);
    },
    add(key, value, now) {
      makeRoom(now);
      debts[keys.length] = value;
      slots.set(key, keys.length);
      keys.push(key);
    },
  };
}
