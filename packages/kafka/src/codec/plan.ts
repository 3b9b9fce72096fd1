import type { Field, Fields } from './types.ts'
import { includesVersion } from './versions.ts'

/** One field as one version of the message has it. */
export interface PlannedField {
  readonly name: string
  readonly field: Field
  /** The version carries it. */
  readonly present: boolean
  readonly nullable: boolean
  /** Number of a tagged field, or undefined. */
  readonly tag: number | undefined
}

/** A struct as one version has it: all that the two generators need to know. */
export interface PlannedStruct {
  readonly fields: readonly PlannedField[]
  readonly flexible: boolean
}

const NAME = /^[a-z][A-Za-z0-9]*$/

export function planStruct(fields: Fields, version: number, flexible: boolean): PlannedStruct {
  const planned = Object.entries(fields).map(([name, field]): PlannedField => {
    if (!NAME.test(name)) throw new TypeError(`'${name}' cannot be the name of a field.`)
    const { versions, nullable, tag } = field.options
    const present = includesVersion(versions, version, true) && (tag === undefined || flexible)
    return { name, field, present, nullable: includesVersion(nullable, version, false), tag }
  })
  return { fields: planned, flexible }
}

/** The fields in wire order that are not tagged. */
export function plainFields(plan: PlannedStruct): PlannedField[] {
  return plan.fields.filter((planned) => planned.present && planned.tag === undefined)
}

export function taggedFields(plan: PlannedStruct): PlannedField[] {
  return plan.fields
    .filter((planned) => planned.present && planned.tag !== undefined)
    .sort((a, b) => (a.tag as number) - (b.tag as number))
}

/** Bytes of a type whose size never varies, otherwise 0. */
export function fixedSize(field: Field): number {
  switch (field.type) {
    case 'int8':
    case 'boolean':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
    case 'uint32':
      return 4
    case 'int64':
    case 'bigint64':
    case 'float64':
      return 8
    case 'uuid':
      return 16
    default:
      return 0
  }
}

/** The least number of bytes that a value can take: a count of elements is checked against it. */
export function minimumSize(field: Field, version: number, flexible: boolean, nullable = false): number {
  const fixed = fixedSize(field)
  if (fixed > 0) return fixed
  if (field.type === 'string') return flexible ? 1 : 2
  if (field.type !== 'struct') return flexible ? 1 : 4
  if (nullable) return 1
  const plan = planStruct(field.fields as Fields, version, flexible)
  let size = flexible ? 1 : 0
  for (const planned of plainFields(plan)) size += minimumSize(planned.field, version, flexible, planned.nullable)
  return size
}

/** Groups neighbours of fixed size, so that room is checked once for all of them. */
export function runs(fields: readonly PlannedField[]): PlannedField[][] {
  const groups: PlannedField[][] = []
  let open: PlannedField[] | undefined
  for (const planned of fields) {
    const fixed = fixedSize(planned.field) > 0
    if (fixed && open !== undefined) open.push(planned)
    else groups.push([planned])
    open = fixed ? (open ?? groups[groups.length - 1]) : undefined
  }
  return groups
}
