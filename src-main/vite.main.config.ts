import { defineConfig } from 'vite'

const folder = import.meta.dirname

/** The main process as one ES module, and the updater, which is loaded only when it is wanted; everything but Electron and Node itself is in them. */
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
      output: { format: 'es', entryFileNames: 'main.js', chunkFileNames: 'updater.js' },
    },
  },
})
