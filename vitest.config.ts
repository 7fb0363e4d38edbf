import { defineConfig } from 'vitest/config'

// `unit` needs Node alone (real SQLite, real git, real files); `e2e` starts real daemons and real Scrapy;
// `soak` repeats the crash tests at length and is never part of `npm test`.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['test/daemon/**/*.test.ts'], testTimeout: 15_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'soak', include: ['test/soak/**/*.test.ts'], testTimeout: 3_600_000, fileParallelism: false } },
    ],
  },
})
