import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vitest/config'

/** The fonts are shipped with the dashboard, so their licences are too. */
function fontLicences(...packages: string[]): Plugin {
  const { resolve } = createRequire(import.meta.url)
  return {
    name: 'font-licences',
    generateBundle() {
      const source = packages.map((name) => readFileSync(resolve(`${name}/LICENSE`), 'utf8')).join('\n\n')
      this.emitFile({ type: 'asset', fileName: 'licenses-fonts.txt', source })
    },
  }
}

export default defineConfig({
  base: '/dashboard/',
  plugins: [react(), tailwindcss(), fontLicences('@fontsource-variable/geist', '@fontsource-variable/geist-mono')],
  build: {
    outDir: 'dist/app',
    target: ['chrome123', 'firefox125', 'safari17.5'],
    license: { fileName: 'licenses.md' },
    // The content security policy allows fonts from files only, so nothing may become a data: address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // "npm run dev" talks to a product or mock that already runs.
    proxy: { '/api': process.env['INSFORGE_URL'] ?? 'http://localhost:7130' },
  },
  test: {
    restoreMocks: true,
    projects: [
      { extends: true, test: { name: 'code', environment: 'node', include: ['src/**/*.test.ts'] } },
      { extends: true, test: { name: 'pages', environment: './src/testing/dom.ts', include: ['src/**/*.test.tsx'] } },
    ],
  },
})
