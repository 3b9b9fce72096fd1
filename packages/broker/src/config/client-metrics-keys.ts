import { type ConfigKey, ConfigValueError, int, list, listEntries, parseConfigValue } from './key.ts'
import type { ConfigTexts } from './server-config.ts'

/** What a client metrics subscription is (KIP-714). Subscriptions are kept; no client is asked for metrics yet. */
export const clientMetricsKeys = {
  'interval.ms': int({ default: 300_000, doc: 'How often a client sends its metrics, in milliseconds.' }),
  match: list<string>({ default: [], doc: 'Which clients it is for: selector=pattern pairs. Empty: all.' }),
  metrics: list<string>({ default: [], doc: 'Prefixes of the names of metrics. *: all of them.' }),
} as const satisfies Record<string, ConfigKey>

export type ClientMetricsKeyName = keyof typeof clientMetricsKeys

export const clientMetricsKeyNames = Object.keys(clientMetricsKeys) as ClientMetricsKeyName[]

const selectors = new Set([
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
])

/** A name that is not known, or a value that is out of range, is an invalid request; the rest an invalid configuration. */
export class ClientMetricsRequestError extends Error {
  override name = 'ClientMetricsRequestError'
}

/** Checks a subscription. Throws {@link ClientMetricsRequestError} or {@link ConfigValueError}. */
export function checkClientMetrics(texts: ConfigTexts): void {
  for (const [name, text] of texts) {
    if (!Object.hasOwn(clientMetricsKeys, name)) {
      throw new ClientMetricsRequestError(`Unknown client metrics configuration: ${name}`)
    }
    const value = parseConfigValue(name, clientMetricsKeys[name as ClientMetricsKeyName], text)
    if (name === 'interval.ms' && ((value as number) < 100 || (value as number) > 3_600_000)) {
      throw new ClientMetricsRequestError(
        `Invalid value ${value} for interval.ms, interval must be between 100 and 3600000 (1 hour)`,
      )
    }
  }
  for (const pair of listEntries(texts.get('match') ?? '')) {
    const [selector, pattern, ...more] = pair.split('=').map((part) => part.trim())
    const isKnown = selector !== undefined && selectors.has(selector)
    if (!isKnown || pattern === undefined || more.length > 0 || !isPattern(pattern)) {
      throw new ConfigValueError(`Illegal client matching pattern: ${pair}`)
    }
  }
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text).test('')
    return true
  } catch {
    return false
  }
}
