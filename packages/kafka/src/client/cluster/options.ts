import { hostSystem, MillraceError, type System, suggest } from '@millrace/std'

/** The parts of the outside world that a client needs. */
export type ClientSystem = Pick<System, 'clock' | 'timers' | 'random' | 'network'>

/** What producer, consumer and admin have in common. Names are those of Kafka's Java client in camel case; times in milliseconds. */
export interface ClientOptions {
  /** Where to find the cluster: `'host:port,host:port'` or a list. */
  bootstrapServers: string | readonly string[]
  /** Shown in the broker's logs and metrics. */
  clientId?: string
  /** Time for an answer from a broker. */
  requestTimeoutMs?: number
  /** Time for TCP to connect. */
  socketConnectionSetupTimeoutMs?: number
  /** Pause before a lost broker is called again, doubling up to `reconnectBackoffMaxMs`. */
  reconnectBackoffMs?: number
  reconnectBackoffMaxMs?: number
  /** Pause before a failed request is sent again, doubling up to `retryBackoffMaxMs`. */
  retryBackoffMs?: number
  retryBackoffMaxMs?: number
  /** Metadata is fetched again after this time even if nothing went wrong. */
  metadataMaxAgeMs?: number
  /** The largest response that is accepted, bytes. */
  maxFrameBytes?: number
  /** Clock, timers, randomness and network; the host's own by default. */
  system?: ClientSystem
}

export type ResolvedClientOptions = Required<Omit<ClientOptions, 'bootstrapServers'>> & { bootstrapServers: Address[] }

export interface Address {
  readonly host: string
  readonly port: number
}

export const CLIENT_DEFAULTS = {
  clientId: 'millrace',
  requestTimeoutMs: 30_000,
  socketConnectionSetupTimeoutMs: 10_000,
  reconnectBackoffMs: 50,
  reconnectBackoffMaxMs: 1_000,
  retryBackoffMs: 100,
  retryBackoffMaxMs: 1_000,
  metadataMaxAgeMs: 300_000,
  maxFrameBytes: 128 * 1024 * 1024,
  system: hostSystem as ClientSystem,
} as const

/**
 * `given` over `defaults`; what is undefined counts as not given.
 *
 * @throws {MillraceError} KAFKA_UNKNOWN_OPTION for a key that does not exist, KAFKA_INVALID_OPTION for a negative number
 */
export function resolveOptions<D extends object, G extends object>(client: string, defaults: D, given: G): D & G {
  const resolved = { ...defaults } as Record<string, unknown>
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined) continue
    if (!(key in defaults)) {
      const meant = suggest(key, Object.keys(defaults))
      throw new MillraceError('KAFKA_UNKNOWN_OPTION', {
        message: `${client} has no option '${key}'.`,
        fix: meant ? `Did you mean '${meant}'?` : `It has: ${Object.keys(defaults).sort().join(', ')}.`,
      })
    }
    if (typeof value === 'number' && !(value >= 0) && key !== 'acks') {
      throw invalidOption(client, key, value, 'a number from 0 on')
    }
    resolved[key] = value
  }
  return resolved as D & G
}

export function invalidOption(client: string, key: string, value: unknown, expected: string): MillraceError {
  return new MillraceError('KAFKA_INVALID_OPTION', {
    message: `${client}: ${key} is ${String(value)}.`,
    fix: `Give ${expected}.`,
  })
}

/** @throws {MillraceError} KAFKA_INVALID_OPTION */
export function parseBootstrapServers(given: unknown): Address[] {
  const entries = (Array.isArray(given) ? given : String(given ?? '').split(','))
    .map((entry) => String(entry).trim())
    .filter((entry) => entry !== '')
  const addresses = entries.map(parseAddress)
  if (addresses.length === 0) {
    throw invalidOption('The client', 'bootstrapServers', given, "one or more 'host:port'")
  }
  return addresses
}

function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (!match || port < 1 || port > 65_535) {
    throw invalidOption('The client', 'bootstrapServers', `'${text}'`, "'host:port' with a port from 1 to 65535")
  }
  return { host: (match[1] ?? match[2]) as string, port }
}
