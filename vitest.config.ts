import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import Components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vitest/config'

/** git behaves the same whoever runs the tests: no identity, default branch or ownership rule of the machine counts. */
const env = {
  GIT_CONFIG_GLOBAL: join(import.meta.dirname, 'test/helpers/setup-git.gitconfig'),
  GIT_CONFIG_NOSYSTEM: '1',
}

const setupFiles = [join(import.meta.dirname, 'test/helpers/setup-patience.ts')]
/** Of every test. Waits end with their conditions: all limits are for a machine that does much else at the same time. */
const common = { env, setupFiles, expect: { poll: { timeout: 30_000 } } }
const quick = { ...common, testTimeout: 60_000, hookTimeout: 60_000 }
const slow = { ...common, testTimeout: 180_000, hookTimeout: 180_000 }

const electron = join(import.meta.dirname, 'test/helpers/electron-stand-in.ts')

// `renderer` is the console in a DOM without a browser; its transport talks to real small servers.
// `main` is the desktop app's main process without windows, `desktop` the whole app in a real browser.
// `unit` needs Node and Python alone (real SQLite, real git, real files); `e2e` starts real daemons and real Scrapy;
// `soak` repeats the crash tests at length and is never part of `npm test`.
export default defineConfig({
  test: {
    // Half of a test is waiting, for processes and for times to pass: three files at once also where there are two cores.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    projects: [
      { test: { name: 'unit', include: ['test/{daemon,scripts}/**/*.test.ts'], ...quick } },
      {
        plugins: [
          vue(),
          Components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle: false })] }),
        ],
        test: {
          name: 'renderer',
          // A context for each file, in workers that keep what they have compiled.
          pool: 'vmThreads',
          include: ['test/renderer/**/*.test.ts'],
          environment: 'happy-dom',
          server: { deps: { inline: ['element-plus'] } },
          ...quick,
        },
      },
      // The desktop's main process with a stand-in for Electron, whose binary is not everywhere.
      {
        resolve: { alias: { electron } },
        test: { name: 'main', include: ['test/main/**/*.test.ts'], ...quick },
      },
      {
        resolve: { alias: { electron } },
        test: { name: 'desktop', include: ['test/desktop/**/*.test.ts'], ...slow },
      },
      // The same in Electron itself, where its binary is (`npm run test:electron`).
      { test: { name: 'electron', include: ['test/electron/**/*.test.ts'], ...slow } },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], ...slow } },
      {
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          fileParallelism: false,
          ...common,
          testTimeout: 3_600_000,
        },
      },
    ],
  },
})
