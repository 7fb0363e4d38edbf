import { defineConfig } from 'vite'

const folder = import.meta.dirname

/** The preload as one CommonJS file: a sandboxed one can be nothing else. */
export default defineConfig({
  root: folder,
  publicDir: false,
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: 'preload.ts',
    target: 'node24',
    outDir: `${folder}/../dist/main`,
    emptyOutDir: false,
    minify: false,
    rolldownOptions: { external: ['electron'], output: { format: 'cjs', entryFileNames: 'preload.cjs' } },
  },
})
