import { configDefaults, defineConfig } from 'vitest/config';

/** What needs no other server and nothing but this package's own dependencies. */
export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/interop/**'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
