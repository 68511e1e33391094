import { describe, expect, it } from 'vitest';
import { refuse } from '../core/refusal.ts';
import { runSteps, type Step } from './passage.ts';

interface Walk {
  readonly seen: string[];
}

const NO = refuse('ACCESS_DENIED', 'no');

function passing(name: string): Step<Walk> {
  return ({ seen }) => void seen.push(name);
}

function waiting(name: string, result = undefined as typeof NO | undefined): Step<Walk> {
  return async ({ seen }) => {
    await new Promise(setImmediate);
    seen.push(name);
    return result;
  };
}

function refusing(name: string): Step<Walk> {
  return ({ seen }) => {
    seen.push(name);
    return NO;
  };
}

describe('runSteps', () => {
  it('answers at once as long as no step has to wait', () => {
    const walk: Walk = { seen: [] };
    expect(runSteps([passing('a'), passing('b')], walk)).toBeUndefined();
    expect(runSteps([passing('c'), refusing('d'), passing('e')], walk)).toBe(NO);
    expect(walk.seen).toEqual(['a', 'b', 'c', 'd']);
    expect(runSteps([], walk)).toBeUndefined();
  });

  it('keeps the order, whichever steps wait', async () => {
    const walk: Walk = { seen: [] };
    expect(await runSteps([passing('a'), waiting('b'), passing('c'), waiting('d')], walk)).toBeUndefined();
    expect(walk.seen).toEqual(['a', 'b', 'c', 'd']);
  });

  it('goes no further than a refusal that comes late', async () => {
    const walk: Walk = { seen: [] };
    expect(await runSteps([waiting('a'), waiting('b', NO), passing('c')], walk)).toBe(NO);
    expect(await runSteps([waiting('d'), refusing('e'), waiting('f')], walk)).toBe(NO);
    expect(walk.seen).toEqual(['a', 'b', 'd', 'e']);
  });

  it('throws what a step throws, at once or later', async () => {
    const walk: Walk = { seen: [] };
    const broken: Step<Walk> = () => {
      throw new Error('broken');
    };
    expect(() => runSteps([broken, passing('a')], walk)).toThrow('broken');
    await expect(runSteps([waiting('b'), broken, passing('c')], walk)).rejects.toThrow('broken');
    expect(walk.seen).toEqual(['b']);
  });
});
