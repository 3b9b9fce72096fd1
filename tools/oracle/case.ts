import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** One recorded case: `program` says what runs, `input` what came in, `output` what Apache Flink made of it. */
export interface Case {
  readonly family: string
  readonly name: string
  readonly program: Program
  readonly input: readonly InputItem[]
  readonly output: readonly OutputItem[]
}

export type Program = {
  readonly type: string
  readonly order: 'key' | 'key+window' | 'any'
  readonly [name: string]: unknown
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Exactly one of the kinds is set. */
export interface InputItem {
  /** Element: key, time stamp, value, its index in the input. */
  readonly e?: Event
  /** Watermark. */
  readonly w?: number
  /** Processing time becomes this. */
  readonly p?: number
  readonly s?: 'idle' | 'active'
  /** Of two inputs. */
  readonly i?: 1 | 2
  /** Of n channels. */
  readonly ch?: number
  readonly open?: string
  readonly release?: string
  readonly split?: string
}

export type Event = readonly [key: string, timestamp: number, value: Json, index: number]

export interface OutputItem {
  /** Index of the input item that caused it; `end`: the final watermark. */
  readonly after: number | 'end'
  readonly out: string
  readonly key?: string | null
  readonly window?: readonly [number, number] | 'global'
  readonly value?: Json
  /** null: none yet; `max`: the final one. */
  readonly wm?: number | 'max' | null
  readonly ts?: number | 'max' | null
  readonly [name: string]: unknown
}

/** Every case file under a folder (or the file itself), in the order of their paths. */
export function* casesUnder(path: string): Generator<{ readonly file: string; readonly case: Case }> {
  if (statSync(path).isDirectory()) {
    for (const name of readdirSync(path).sort()) {
      const below = join(path, name)
      if (statSync(below).isDirectory() || name.endsWith('.json')) yield* casesUnder(below)
    }
    return
  }
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
  if (isCase(parsed)) yield { file: path, case: parsed }
}

function isCase(parsed: unknown): parsed is Case {
  const { family, program } = (parsed ?? {}) as Partial<Case>
  return typeof family === 'string' && (typeof program === 'object' || family === 'partitioning')
}

/** Times as the files write them. */
export function timeToJson(time: number): number | 'max' | null {
  if (time === Number.POSITIVE_INFINITY) return 'max'
  return time === Number.NEGATIVE_INFINITY ? null : time
}
