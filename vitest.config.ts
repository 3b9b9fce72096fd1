import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Tests run from the TypeScript sources: no build step between an edit and its test.
  resolve: { conditions: ['millrace-source'] },
  ssr: { resolve: { conditions: ['millrace-source'] } },
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'test/**/*.test.ts',
      'examples/**/*.test.ts',
      'tools/**/*.test.ts',
      // A short slice of `npm run compat`: our own client, and one that needs nothing but npm.
      'test/compat/{kafkajs,millrace-client,millrace-client-*}.compat.ts',
    ],
    execArgv: ['--conditions=millrace-source'],
    testTimeout: 30_000,
  },
})
