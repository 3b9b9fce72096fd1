import type { ConfigTexts } from '../config/server-config.ts'

/** Kinds of resources that have a configuration, by Kafka's numbers. */
export const resourceTypes = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

const none: ConfigTexts = new Map()

/** The configuration of resources, by type and name: what was set, as text by property name. */
export class ResourceConfigs {
  readonly #byType = new Map<number, Map<string, Map<string, string>>>()

  get(type: number, name: string): ConfigTexts {
    return this.#byType.get(type)?.get(name) ?? none
  }

  /** The names of the resources of a type that have any. */
  names(type: number): Iterable<string> {
    return this.#byType.get(type)?.keys() ?? []
  }

  /** Sets a value; null takes it away. */
  set(type: number, name: string, key: string, value: string | null): void {
    let ofType = this.#byType.get(type)
    if (!ofType) this.#byType.set(type, (ofType = new Map()))
    let configs = ofType.get(name)
    if (!configs) ofType.set(name, (configs = new Map()))
    if (value !== null) configs.set(key, value)
    else configs.delete(key)
    if (configs.size === 0) ofType.delete(name)
  }

  *all(): Generator<{ type: number; name: string; configs: ConfigTexts }> {
    for (const [type, ofType] of this.#byType) {
      for (const [name, configs] of ofType) yield { type, name, configs }
    }
  }
}
