import type { ConfigChange, KafkaAdmin } from '@millrace/kafka'
import { suggest } from '@millrace/std'
import type { Command } from 'commander'
import { withAdmin } from '../admin.ts'
import type { CliContext, GlobalOptions } from '../context.ts'
import { usageError } from '../errors.ts'
import { type BootstrapOptions, keyValue, repeated, wholeNumber, withBootstrap, withExamples } from '../options.ts'
import { json, table } from '../output.ts'

interface AlterOptions extends GlobalOptions, BootstrapOptions {
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
  readonly deleteConfig?: readonly string[]
}

/** `millrace topic alter`: more partitions, other settings. */
export function addAlter(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('alter')
      .description('Adds partitions and changes settings; what is not named stays.')
      .argument('<name...>', 'the topics')
      .option('-p, --partitions <number>', 'how many partitions there are to be; never fewer', wholeNumber(1))
      .option('-c, --config <key=value>', 'a topic property to set; may be repeated', keyValue)
      .option(
        '--delete-config <key>',
        "a topic property to set back to the broker's default; may be repeated",
        repeated,
      ),
  ).action(async (names: string[]) => {
    const options = command.optsWithGlobals<AlterOptions>()
    const { partitions, config = {}, deleteConfig = [] } = options
    const changes: ConfigChange[] = [
      ...Object.entries(config).map(([name, value]) => ({ name, value })),
      ...deleteConfig.map((name) => ({ name, operation: 'delete' as const })),
    ]
    if (partitions === undefined && changes.length === 0) {
      throw usageError('There is nothing to change.', 'Give --partitions, --config or --delete-config.')
    }
    await withAdmin(options, async (admin) => {
      for (const name of names) {
        if (deleteConfig.length > 0) await checkKnown(admin, name, deleteConfig)
        if (changes.length > 0) await admin.incrementalAlterConfigs({ type: 'topic', name }, changes)
        if (partitions !== undefined) await admin.createPartitions([{ topic: name, count: partitions }])
        context.print(options.json ? json({ topic: name, altered: true }) : `${name} altered`)
      }
    })
  })
  withExamples(command, [
    'millrace topic alter lines --partitions 6',
    'millrace topic alter users --config cleanup.policy=compact --delete-config retention.ms',
  ])
}

/** A broker deletes what it does not know without a word. */
async function checkKnown(admin: KafkaAdmin, topic: string, keys: readonly string[]): Promise<void> {
  const known = (await admin.describeConfigs({ type: 'topic', name: topic })).map(({ name }) => name)
  for (const key of keys) {
    if (known.includes(key)) continue
    const meant = suggest(key, known)
    throw usageError(
      `There is no topic property '${key}'.`,
      meant ? `Did you mean '${meant}'?` : `millrace topic config ${topic} --all shows all that there are.`,
    )
  }
}

/** `millrace topic config`: what is set, and where it comes from. */
export function addConfig(topic: Command, context: CliContext): void {
  const command = withBootstrap(
    topic
      .command('config')
      .description('Shows the settings of a topic and where each comes from.')
      .argument('<name>', 'the topic')
      .option('--all', 'also those that nobody has set'),
  ).action(async (name: string) => {
    const options = command.optsWithGlobals<GlobalOptions & BootstrapOptions & { readonly all?: boolean }>()
    const configs = await withAdmin(options, (admin) => admin.describeConfigs({ type: 'topic', name }))
    const shown = configs
      .filter(({ isDefault }) => options.all || !isDefault)
      .map(({ name: key, value, source }) => ({ name: key, value, source }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
    if (options.json) for (const each of shown) context.print(json(each))
    else if (shown.length === 0) context.print('nothing is set: all settings are defaults (--all shows them)')
    else {
      const rows = shown.map((each) => [each.name, each.value ?? '(secret)', each.source])
      for (const line of table(['setting', 'value', 'from'], rows)) context.print(line)
    }
  })
  withExamples(command, ['millrace topic config lines', 'millrace topic config lines --all --json'])
}
