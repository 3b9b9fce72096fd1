import { readFileSync } from 'node:fs'
import { bytesToString } from '@millrace/std'
import { describe, expect, it } from 'vitest'
import { defaultOf } from '../../src/codec/defaults.ts'
import type { Field, Fields } from '../../src/codec/types.ts'
import { includesVersion } from '../../src/codec/versions.ts'
import { messages } from './messages.ts'

interface Rule {
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly taggedVersions?: string
  readonly tag?: number
  readonly default?: unknown
  readonly ignorable?: boolean
}

interface MessageRules {
  readonly message: string
  readonly flexible: string
  readonly fields: Record<string, Rule>
}

const allRules = bytesToString(readFileSync(new URL('golden/kafka-4.3.1.rules.jsonl', import.meta.url)))
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as MessageRules)

const includes = (range: string | undefined, version: number) =>
  range !== undefined && range !== 'none' && includesVersion(range, version, false)

/** Kafka's default as Kafka's clients would have it: explicit, or the type's own. */
function kafkaDefault({ type, default: given }: Rule): unknown {
  const text = given === undefined ? undefined : String(given)
  if (text === 'null') return null
  if (type.startsWith('[]')) return []
  if (type === 'string') return text ?? ''
  if (type === 'bool') return text === 'true'
  if (type === 'bytes') return new Uint8Array(0)
  if (type === 'records') return null
  if (type === 'uuid') return new Uint8Array(16)
  if (/^[A-Z]/.test(type)) return undefined
  return toNumber(text ?? 0)
}

/** Sixty-four bits as a number where that is exact. */
function toNumber(value: bigint | string | number): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt(value)
}

/** The fields that one version of ours has, by path, with what that version says about them. */
function ourRules(fields: Fields, version: number, path = '', found: Record<string, object> = {}) {
  for (const [name, field] of Object.entries(fields)) {
    const { versions, nullable, tag, ignorable = false } = field.options
    if (!includesVersion(versions, version, true)) continue
    found[path + name] = {
      nullable: includesVersion(nullable, version, false),
      tag,
      ignorable,
      default: ourDefault(field),
    }
    const members = field.type === 'array' ? field.element?.fields : field.fields
    if (members !== undefined) ourRules(members, version, `${path}${name}.`, found)
  }
  return found
}

function ourDefault(field: Field): unknown {
  if (field.type === 'struct') return field.options.default
  const value = defaultOf(field)
  return typeof value === 'bigint' ? toNumber(value) : value
}

function parentOf(path: string): string | undefined {
  return path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : undefined
}

/** The same out of Kafka's definition. A member counts only where its struct does. */
function kafkaRules(rules: Record<string, Rule>, version: number) {
  const found: Record<string, object> = {}
  for (const [path, rule] of Object.entries(rules)) {
    const parent = parentOf(path)
    if (!includes(rule.versions, version) || (parent !== undefined && !(parent in found))) continue
    found[path] = {
      nullable: includes(rule.nullableVersions, version),
      tag: includes(rule.taggedVersions, version) ? rule.tag : undefined,
      ignorable: rule.ignorable ?? false,
      default: kafkaDefault(rule),
    }
  }
  return found
}

/**
 * Where we differ on purpose: a message of an error that was not given is null, not empty; and a field that is always there
 * when its struct is can always be written, so whether it may be dropped says nothing.
 */
function comparable(path: string, rule: object, everywhere: boolean): object {
  const { default: fallback, ...rest } = rule as Record<string, unknown>
  const noText = path.endsWith('errorMessage') && rest['nullable'] === true && fallback === ''
  return { ...rest, default: noText ? null : fallback, ignorable: everywhere ? false : rest['ignorable'] }
}

describe.each(messages)('$name', ({ name, schema, versions, version: versionOf }) => {
  const rules = allRules.find(({ message }) => message === name) as MessageRules

  it('has the fields that Kafka says, with their nulls, tags, defaults and whether they may be dropped', () => {
    const ours = versions.map((version) => ourRules(schema.fields, versionOf(version)))
    const kafkas = versions.map((version) => kafkaRules(rules.fields, version))
    const everywhere = (path: string) =>
      ours.every(
        (fields) => path in fields || (parentOf(path) !== undefined && !((parentOf(path) as string) in fields)),
      )
    const clean = (all: Record<string, object>[]) =>
      all.map((fields) =>
        Object.fromEntries(
          Object.entries(fields).map(([path, rule]) => [path, comparable(path, rule, everywhere(path))]),
        ),
      )
    expect(clean(ours)).toEqual(clean(kafkas))
  })

  it('is flexible from the same version on', () => {
    for (const version of versions)
      expect(versionOf(version) >= schema.flexibleFrom).toBe(includes(rules.flexible, version))
  })
})
