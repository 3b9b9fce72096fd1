import { goModule, goTestVerdicts } from './go.ts'
import { judge, wantedCase } from './judge.ts'
import { lastLine, type Peer, run } from './peers.ts'

// The integration suite of franz-go's own module, as its authors run it against every release of Apache Kafka.
const pack = 'github.com/twmb/franz-go/pkg/kgo'

function franzGo(): Peer<undefined> {
  if (!run('go', ['version']).ok) return { available: false, why: 'go is not installed' }
  const built = run('go', ['test', '-run', '^$', pack], goModule)
  return built.ok
    ? { available: true, value: undefined }
    : { available: false, why: `franz-go could not be built: ${lastLine(built.output)}` }
}

await judge("franz-go's own suite", franzGo(), (bootstrap) => ({
  command: 'go',
  args: ['test', '-json', '-count=1', '-timeout', '15m', ...(wantedCase ? ['-run', wantedCase] : []), pack],
  cwd: goModule,
  env: {
    KGO_SEEDS: bootstrap,
    KGO_TEST_RF: '1',
    // Each of its pipelines moves that many records through three topics; its own default is ten times as many.
    KGO_TEST_RECORDS: process.env.KGO_TEST_RECORDS ?? '50000',
    KGO_TEST_UNSAFE: '1',
    KGO_TEST_STABLE_FETCH: 'true',
    KGO_LOG_LEVEL: process.env.KGO_LOG_LEVEL ?? 'none',
  },
  verdictOf: goTestVerdicts(),
}))
