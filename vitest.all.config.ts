import { defineConfig } from 'vitest/config';

/** Everything, the tests against other people's clients included: they need the packages of test/interop. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
