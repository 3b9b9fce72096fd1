import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['millrace-source'] },
  ssr: { resolve: { conditions: ['millrace-source'] } },
  test: {
    include: ['test/compat/**/*.compat.ts', 'test/compat/**/*.test.ts'],
    execArgv: ['--conditions=millrace-source'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
