/** Numbers that look random and are the same each time, so that a failure can be looked at again. */
export function createDice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    // The generator of Park and Miller: full period over 1 … 2³¹ − 2.
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}
