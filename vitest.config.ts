import { configDefaults, defineConfig } from 'vitest/config';

/** What needs no other server and nothing but this package's own dependencies. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/interop/**'],
    // Most of them wait for servers and processes: one less than there are cores would leave one idle.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
