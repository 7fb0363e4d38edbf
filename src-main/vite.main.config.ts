import { defineConfig } from 'vite'

const folder = import.meta.dirname

/** The main process as one ES module; everything but Electron and Node itself is in it. */
export default defineConfig({
  root: folder,
  publicDir: false,
  ssr: { noExternal: true, target: 'node' },
  build: {
    ssr: 'main.ts',
    target: 'node24',
    outDir: `${folder}/../dist/main`,
    emptyOutDir: false,
    minify: false,
    rolldownOptions: {
      external: ['electron'],
      output: { format: 'es', entryFileNames: 'main.js', codeSplitting: false },
    },
  },
})
