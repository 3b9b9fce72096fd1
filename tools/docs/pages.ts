import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ConfigKey } from '../../packages/broker/src/config/key.ts'
import { groupConfigKeys } from '../../packages/broker/src/config/group-config-keys.ts'
import { serverKeys } from '../../packages/broker/src/config/server-keys.ts'
import { topicKeys } from '../../packages/broker/src/config/topic-keys.ts'
import { parseServerConfig } from '../../packages/broker/src/config/server-config.ts'
import { type HandlerServices, registerHandlers } from '../../packages/broker/src/handlers/index.ts'
import { commandPage } from './command-page.ts'
import { ERROR_TABLE } from '../../packages/kafka/src/errors/codes.ts'
import { errorPage, errorSites } from './error-codes.ts'

/** Pages that are made from the sources: their path, and how. */
export const generatedPages: Readonly<Record<string, (root: string) => string | Promise<string>>> = {
  'docs/errors.md': errors,
  'docs/broker-configuration.md': brokerConfiguration,
  'docs/protocol.md': protocol,
  'docs/cli.md': commandPage,
}

function errors(root: string): string {
  const sources = globSync('packages/*/src/**/*.ts', { cwd: root }).sort()
  const sites = sources.flatMap((path) => errorSites(path.split('/')[1] ?? '', readFileSync(join(root, path), 'utf8')))
  return errorPage(sites, ERROR_TABLE)
}

function brokerConfiguration(): string {
  return [
    '# Broker configuration',
    '',
    "Property names are Apache Kafka's where Kafka has one. Give them to `millrace broker --set key=value` or `startBroker({ config })`. Made from the sources by `npm run docs`.",
    '',
    "Those that are marked ● can be changed while the broker runs, by any Kafka client or tool, for this broker or for all; so can the properties of topics and groups. A change is in force with the next request and survives a restart. What was set for a topic or group counts before what was set for this broker, that before what was set for all, and that before what the broker was started with; Kafka's DescribeConfigs tells where a value comes from.",
    '',
    '```sh',
    'kafka-configs.sh --bootstrap-server localhost:9092 --alter --entity-type topics --entity-name clicks --add-config retention.ms=60000',
    'kafka-configs.sh --bootstrap-server localhost:9092 --alter --entity-type brokers --entity-default --add-config message.max.bytes=2000000',
    '```',
    '',
    '## Broker',
    '',
    ...keyTable(serverKeys),
    '',
    '## Topics',
    '',
    ...keyTable(topicKeys, { marksDynamic: false }),
    '',
    '## Groups of the consumer protocol',
    '',
    ...keyTable(groupConfigKeys, { marksDynamic: false }),
    '',
  ].join('\n')
}

function keyTable(keys: Readonly<Record<string, ConfigKey>>, { marksDynamic = true } = {}): string[] {
  const rows = Object.entries(keys).map(
    ([name, key]) =>
      `| \`${name}\`${marksDynamic && key.dynamic ? ' ●' : ''} | ${key.type} | ${defaultOf(key)} | ${key.doc}${allowed(key)} |`,
  )
  return ['| Property | Type | Default | |', '| --- | --- | --- | --- |', ...rows]
}

function defaultOf(key: ConfigKey): string {
  if (key.type === 'long' && key.default >= 2 ** 63) return 'no limit'
  const text = Array.isArray(key.default) ? key.default.join(',') : String(key.default)
  return text === '' ? '' : `\`${text}\``
}

function allowed(key: ConfigKey): string {
  return 'values' in key && key.values !== undefined
    ? ` One of ${key.values.map((value) => `\`${value}\``).join(', ')}.`
    : ''
}

function protocol(): string {
  // Registration keeps the services for later; none is used before a request comes.
  const unused = new Proxy({}, { get: () => undefined })
  const named = { server: parseServerConfig({}), brokers: { ids: [] } }
  const services = new Proxy(named, { get: (target, name) => Reflect.get(target, name) ?? unused })
  const rows = registerHandlers(services as unknown as HandlerServices)
    .all()
    .map(({ api, versions: [first, last], notes = '' }) => `| ${api.key} | ${api.name} | ${first}–${last} | ${notes} |`)
  return [
    '# Protocol support',
    '',
    "The APIs of Apache Kafka's protocol that the broker serves, as it announces them to clients (ApiVersions). Made from the handlers' registration by `npm run docs`.",
    '',
    '| Key | API | Versions | |',
    '| ---: | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
