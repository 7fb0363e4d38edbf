import { existsSync } from 'node:fs'
import type { KnipConfig } from 'knip'

/** What belongs to a part of the tree that may not be there: its tools are not unused, they wait. */
const ofDesktop = ['electron']
const ofConsole = [
  '@tanstack/vue-virtual',
  '@vitejs/plugin-vue',
  '@vue/test-utils',
  'axe-core',
  'echarts',
  'element-plus',
  'happy-dom',
  'pinia',
  'pinyin-pro',
  'playwright-core',
  'unplugin-vue-components',
  'vite',
  'vue',
  'vue-echarts',
  'vue-i18n',
  'vue-router',
]
/** Started by scripts/tasks by their files. */
const ofChecks = ['oxfmt', 'vue-tsc', 'axe-core', 'electron-builder']
const hasDesktop = existsSync('src-main/main.ts')
const hasConsole = existsSync('src-renderer/main.ts')

const config: KnipConfig = {
  workspaces: {
    '.': {
      entry: [
        'scripts/boot.mjs',
        'scripts/tasks/*.ts',
        'scripts/sum-up.mjs',
        'scripts/bench/*.ts',
        // Started by path, or by whoever needs what they set up.
        'test/**/fixtures/*.ts',
        'test/helpers/{setup-*,start-*,*-main,electron-stand-in}.ts',
        ...(hasDesktop ? ['src-main/{main,preload}.ts', 'src-main/vite.*.config.ts'] : []),
        ...(hasConsole ? ['src-renderer/main.ts'] : []),
      ],
      project: ['scripts/**/*.{ts,mjs}', 'test/**/*.{ts,vue}', 'src-main/**/*.ts', 'src-renderer/**/*.{ts,vue}'],
      // Written by its build.
      ignore: ['src-renderer/components.d.ts'],
      vite: { config: ['src-renderer/vite.config.ts', 'src-main/vite.*.config.ts'] },
      ignoreDependencies: [...ofChecks, ...(hasDesktop ? [] : ofDesktop), ...(hasConsole ? [] : ofConsole)],
    },
    'src-daemon': {
      entry: ['index.ts'],
      project: ['**/*.{ts,mjs}'],
    },
  },
  // Electron's declarations decide what the stand-in has to have, not its users.
  ignoreIssues: { 'test/helpers/electron-stand-in.ts': ['exports', 'types'] },
  ignoreExportsUsedInFile: true,
}

export default config
