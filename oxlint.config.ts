import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type OxlintOverride } from 'oxlint'

/**
 * The boundaries of docs/ARCHITECTURE.md as lint rules: which folder may import which, and one home per library.
 * oxlint replaces (and does not merge) the options of a rule where several overrides match a file, so the whole list
 * of restrictions is computed per folder here.
 */

/** `regex` has no look-ahead here (an invalid one is ignored in silence): exceptions need a `group` with `!`. */
type Restriction = { readonly message: string; readonly allowTypeImports?: boolean } & (
  | { readonly regex: string; readonly group?: never }
  | { readonly group: string[]; readonly regex?: never }
)

/** Libraries with one home: a folder of the daemon, or a few files in it. The message names the right door. */
const libraryHomes = [
  {
    library: '(node:)?child_process',
    home: /^runner$/,
    door: 'Processes are started in src-daemon/runner only; ask it.',
  },
  {
    library: 'better-sqlite3',
    home: /^storage$/,
    door: 'SQL lives in src-daemon/storage only; ask a store there.',
  },
  {
    library: 'express',
    home: /^api$/,
    door: 'HTTP enters in src-daemon/api only.',
  },
  {
    library: 'simple-git',
    home: /^projects\/git$/,
    door: 'git is run by src-daemon/projects/git*.ts only.',
  },
  {
    library: 'http-proxy',
    home: /^cluster\/forward$/,
    door: 'http-proxy is used by src-daemon/cluster/forward*.ts only.',
  },
  {
    library: 'commander',
    home: /^root$/,
    door: 'The command line is read in src-daemon/index.ts only.',
  },
  {
    library: 'electron|vue|pinia|element-plus',
    home: /^never$/,
    door: 'The daemon runs headless: no Electron, no Vue.',
  },
] as const

/**
 * Folders of the daemon, and the folders each of them may import. Open to all: `errors.ts`, `logger.ts`, and of `api/` the
 * contract (data) and the ports (what the server asks of those who stand behind it).
 */
const mayImport = {
  api: ['config'],
  cluster: ['node', 'jobs', 'projects', 'files', 'runner', 'storage', 'config'],
  node: ['jobs', 'projects', 'files', 'runner', 'storage', 'config'],
  jobs: ['projects', 'files', 'runner', 'storage', 'config'],
  projects: ['files', 'runner', 'storage', 'config'],
  files: ['config'],
  runner: ['config'],
  storage: ['config'],
  config: [],
} as const

type Folder = keyof typeof mayImport
const folders = Object.keys(mayImport) as Folder[]

/** No code: what is built, installed, started, or written in Python. */
const withoutRules = ['bin', 'dist', 'node_modules', 'python']
for (const { name } of readdirSync(join(import.meta.dirname, 'src-daemon'), { withFileTypes: true }).filter((entry) =>
  entry.isDirectory(),
)) {
  if (!folders.some((folder) => folder === name) && !withoutRules.includes(name)) {
    throw new Error(`oxlint.config.ts: src-daemon/${name} is new; say in \`mayImport\` what it may import`)
  }
}

const noDesktop: Restriction = {
  regex: '/src-(main|renderer)/',
  message: 'The daemon knows neither the desktop app nor the console.',
}

function foreignLibraries(place: string): Restriction[] {
  return libraryHomes
    .filter(({ home }) => !home.test(place))
    .map(({ library, door }) => ({ regex: `^(${library})(/|$)`, message: door }))
}

const direction =
  'daemon -> api; cluster -> node -> jobs -> projects -> files, runner, storage; all -> config, errors, api/contract.'

function foreignFolders(folder: Folder): Restriction[] {
  const allowed: readonly string[] = [folder, ...mayImport[folder]]
  return folders
    .filter((other) => !allowed.includes(other))
    .map((other) => ({
      group: [`../${other}/**`, `../../${other}/**`, ...(other === 'api' ? openPartsOfApi(folder) : [])],
      message: `src-daemon/${folder} does not import src-daemon/${other}: ${direction}`,
    }))
}

function openPartsOfApi(folder: Folder): string[] {
  return ['!**/api/contract/**', '!**/api/ports.ts', ...(folder === 'cluster' ? ['!**/api/client/**'] : [])]
}

function boundaries(files: string[], restrictions: Restriction[]): OxlintOverride {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns: restrictions }] } }
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise', 'node', 'vitest', 'vue'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { builtin: true, node: true, es2024: true },
  ignorePatterns: ['**/node_modules/**', '**/dist/**', 'out/**', 'examples/**'],
  options: { reportUnusedDisableDirectives: 'error' },
  rules: {
    eqeqeq: ['error', 'always', { null: 'ignore' }],
    'no-shadow': 'off',
    'no-underscore-dangle': 'off',
    'no-await-in-loop': 'off',
    'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'], location: 'start' }],
    'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
    'no-var': 'error',
    'prefer-const': 'error',
    'no-duplicate-imports': ['error', { allowSeparateTypeImports: true }],
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'import/no-commonjs': 'error',
    // Style sheets are imported for their effect.
    'import/no-unassigned-import': 'off',
    'import/no-self-import': 'error',
    'typescript/consistent-type-imports': 'error',
    'typescript/no-import-type-side-effects': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-namespace': 'error',
    'typescript/parameter-properties': 'error',
    'unicorn/filename-case': ['error', { case: 'kebabCase' }],
    'unicorn/prefer-node-protocol': 'error',
    // A worker's postMessage has no such argument.
    'unicorn/require-post-message-target-origin': 'off',
    'no-unmodified-loop-condition': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'promise/always-return': 'off',
    // Assertions are also made by functions that tests call, and take a message.
    'vitest/expect-expect': 'off',
    'vitest/valid-expect': ['error', { maxArgs: 2 }],
    'vitest/no-conditional-expect': 'off',
    'vitest/require-mock-type-parameters': 'off',
    'vitest/no-focused-tests': 'error',
    'vitest/no-disabled-tests': 'error',
  },
  overrides: [
    ...folders.map((folder) =>
      boundaries([`src-daemon/${folder}/**`], [noDesktop, ...foreignLibraries(folder), ...foreignFolders(folder)]),
    ),
    // Files that are the one home of a library, inside a folder that is not.
    boundaries(
      ['src-daemon/projects/git*.ts'],
      [noDesktop, ...foreignLibraries('projects/git'), ...foreignFolders('projects')],
    ),
    boundaries(
      ['src-daemon/cluster/forward*.ts'],
      [noDesktop, ...foreignLibraries('cluster/forward'), ...foreignFolders('cluster')],
    ),
    boundaries(['src-daemon/*.ts'], [noDesktop, ...foreignLibraries('root')]),
    // What is shared by daemon, desktop and console depends on nothing but zod and the errors.
    boundaries(
      ['src-daemon/api/contract/**'],
      [
        noDesktop,
        ...foreignLibraries('api/contract'),
        { regex: '^node:', message: 'The contract is also used in the browser.' },
        {
          group: ['../**', '!../../errors.ts'],
          message: 'The contract imports only its own files and the errors.',
        },
      ],
    ),
    boundaries(['src-daemon/errors.ts'], [{ regex: '.', message: 'The errors import nothing.' }]),
    boundaries(
      ['src-main/**'],
      [
        {
          group: [
            '**/src-daemon/**',
            '!**/src-daemon/api/client/**',
            '!**/src-daemon/api/contract/**',
            '!**/src-daemon/errors.ts',
          ],
          message: 'The desktop app uses the daemon by src-daemon/api/{client,contract} and its errors only.',
        },
        { regex: '/src-renderer/', message: 'The main process does not import the console.' },
      ],
    ),
    boundaries(
      ['src-renderer/**'],
      [
        {
          regex: '/src-(daemon|main)/',
          message: 'The console takes only types, from src-daemon/api/contract and src-main/ipc-contract.',
          allowTypeImports: true,
        },
        { regex: '^(node:|electron$)', message: 'The console runs in a browser.' },
      ],
    ),
    {
      files: ['src-renderer/**'],
      env: { browser: true, node: false },
      rules: { 'unicorn/filename-case': 'off' },
    },
    // The tools ask for a default export, and run in Node whatever they build.
    {
      files: ['**/*.config.ts'],
      rules: { 'import/no-default-export': 'off', 'no-restricted-imports': 'off' },
    },
    { files: ['**/*.vue'], rules: { 'import/no-default-export': 'off' } },
  ],
})
