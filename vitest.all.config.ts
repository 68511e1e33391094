import { defineConfig } from 'vitest/config';

/** Everything, the tests against other people's clients included: they need the packages of test/interop. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // Most of them wait for servers and processes: one less than there are cores would leave one idle.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
