import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { pythonPackage } from '../compat/peers.ts'

/** librdkafka through its Python binding: a client that we did not write. */
export const librdkafka = pythonPackage('confluent-kafka', '2.16.1')

const script = fileURLToPath(new URL('./python/foreign.py', import.meta.url))

/** What a line of `foreign.py` says; each role says some of it. */
export interface Said {
  readonly transaction?: string
  readonly size?: number
  readonly outcome?: 'committed' | 'aborted' | 'unknown'
  /** By index: partition and offset, or null for a record whose delivery was not told. */
  readonly offsets?: readonly (readonly [number, number] | null)[]
  readonly read?: readonly (readonly [number, number, string])[]
  readonly committed?: Readonly<Record<string, number>>
  readonly lost?: string
  readonly copies?: number
  readonly partition?: number
  readonly offset?: number
  readonly value?: string
}

export class Foreign {
  readonly said: Said[] = []
  readonly #child: ReturnType<typeof spawn>
  readonly #ended: Promise<unknown>
  #complaints = ''

  /** Starts `foreign.py` in a role. */
  constructor(bootstrap: string, role: 'write' | 'copy' | 'read' | 'check', ...args: string[]) {
    if (!librdkafka.available) throw new Error(librdkafka.why)
    const child = spawn(librdkafka.value, [script, bootstrap, role, ...args])
    child.stderr.on('data', (bytes) => {
      this.#complaints += bytes
    })
    const lines = createInterface(child.stdout).on('line', (line) => this.said.push(JSON.parse(line) as Said))
    this.#child = child
    const exited = once(child, 'exit')
    this.#ended = Promise.all([exited, once(lines, 'close')]).then(([[code]]) => {
      if (code !== 0) throw new Error(`${role} ${args.join(' ')} ended with ${code}:\n${this.#complaints}`)
    })
    this.#ended.catch(() => {})
  }

  /** Rejects with what it complained of when it ended with an error, however long ago. */
  async stop(): Promise<void> {
    this.#child.stdin?.end()
    await this.#ended
  }

  /** Ends it however things stand. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** All that librdkafka reads of a topic, in the order of each partition. */
export async function foreignContentOf(
  bootstrap: string,
  topic: string,
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<{ partition: number; offset: number; value: string }[]> {
  const reader = new Foreign(bootstrap, 'check', topic, isolation)
  await reader.stop()
  return reader.said as { partition: number; offset: number; value: string }[]
}
