/** So many at a time under each key; others wait for their turn, within bounds of number and time. */
export interface WaitingRoom {
  /** Takes a free place at once, if there is one. */
  tryEnter(key: string): boolean;
  /** True once a place is taken; false when too many wait or the wait was too long. */
  wait(key: string): Promise<boolean>;
  /** Gives a place back, to whoever has waited longest. */
  leave(key: string): void;
}

export interface WaitingRoomOptions {
  readonly places: number;
  /** Under one key. */
  readonly maxWaiting: number;
  readonly waitMs: number;
}

interface Room {
  taken: number;
  /** In the order they came. */
  waiting?: Set<() => void>;
}

/** Keys are held only while somebody is inside, so that their number is bounded by that of open requests. */
export function createWaitingRoom({ places, maxWaiting, waitMs }: WaitingRoomOptions): WaitingRoom {
  const rooms = new Map<string, Room>();

  return {
    tryEnter(key) {
      const room = rooms.get(key);
      if (room === undefined) rooms.set(key, { taken: 1 });
      else if (room.taken < places) room.taken += 1;
      else return false;
      return true;
    },
    async wait(key) {
      if (this.tryEnter(key)) return true;
      const room = rooms.get(key);
      if (room === undefined || (room.waiting?.size ?? 0) >= maxWaiting) return false;
      const waiting = (room.waiting ??= new Set());
      return new Promise((resolve) => {
        const admit = (): void => {
          clearTimeout(timer);
          resolve(true);
        };
        const timer = setTimeout(() => {
          waiting.delete(admit);
          resolve(false);
        }, waitMs).unref();
        waiting.add(admit);
      });
    },
    leave(key) {
      const room = rooms.get(key);
      if (room === undefined) return;
      const [next] = room.waiting ?? [];
      if (next !== undefined) {
        room.waiting?.delete(next);
        next();
      } else {
        room.taken -= 1;
        if (room.taken === 0) rooms.delete(key);
      }
    },
  };
}
