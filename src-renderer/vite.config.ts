import vue from '@vitejs/plugin-vue'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'
import Components from 'unplugin-vue-components/vite'
import { defineConfig } from 'vite'
import { packedCopies } from '../scripts/lib/packed-copies.ts'

const folder = import.meta.dirname

/**
 * The console's build. `base` is relative, so that one build serves under any path prefix and from `app://`.
 * Only Element Plus's components are found by name; our own are imported where they are used.
 */
export default defineConfig(({ mode }) => ({
  root: folder,
  base: './',
  publicDir: false,
  plugins: [
    vue(),
    Components({
      dirs: [],
      dts: `${folder}/components.d.ts`,
      resolvers: [ElementPlusResolver({ importStyle: mode === 'test' ? false : 'css' })],
    }),
    packedCopies(),
  ],
  define: {
    __VUE_I18N_FULL_INSTALL__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    __VUE_OPTIONS_API__: 'true',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  worker: { format: 'es' },
  build: {
    outDir: `${folder}/../dist/console`,
    emptyOutDir: true,
    target: 'es2022',
    // A strict CSP allows no data: scripts and styles; a polyfill would be an inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1_200,
    rolldownOptions: {
      output: {
        // A few files rather than dozens of tiny ones: a browser opens six connections to a host.
        codeSplitting: {
          groups: [
            { name: 'vue', test: /node_modules[\\/](@vue|vue|vue-router|vue-i18n|@intlify|pinia)[\\/]/, priority: 3 },
            {
              name: 'element',
              test: /node_modules[\\/](element-plus|@floating-ui|@vueuse)[\\/]/,
              minShareCount: 3,
              priority: 2,
            },
            { name: 'base', test: /src-renderer[\\/]/, minShareCount: 3, priority: 1 },
          ],
        },
      },
    },
  },
}))
