import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests run from the TypeScript sources: no build step between an edit and its test.
  resolve: { conditions: ['millrace-source'] },
  ssr: { resolve: { conditions: ['millrace-source'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts', 'tools/**/*.test.ts'],
    execArgv: ['--conditions=millrace-source'],
    testTimeout: 30_000,
  },
})
