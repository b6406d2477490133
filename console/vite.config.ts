import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/console/site',
    emptyOutDir: true,
    target: 'es2022',
    // One module: nothing to preload, and no data: URLs, which the content security policy refuses.
    modulePreload: false,
    assetsInlineLimit: 0,
  },
});
