/** Milliseconds since the epoch. Injectable wherever time decides something. */
export type Clock = () => number;

export const systemClock: Clock = Date.now;
