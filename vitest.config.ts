import { defineConfig } from 'vitest/config';

// `tutti` and its subpaths mean the unbuilt sources here, as with `node --conditions tutti-source`.
const conditions = ['tutti-source', 'module', 'node', 'development|production'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    restoreMocks: true,
  },
});
