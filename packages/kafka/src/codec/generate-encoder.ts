import { defaultOf, isZeroUuid } from './defaults.ts'
import {
  fixedSize,
  type PlannedField,
  type PlannedStruct,
  plainFields,
  planStruct,
  runs,
  taggedFields,
} from './plan.ts'
import type { Field, Fields } from './types.ts'
import type { Writer } from './writer.ts'

export type Encoder = (writer: Writer, value: unknown, path: string) => void

/**
 * Compiles the encoder of one version of a message; the counterpart of `generateDecoder`, with the same rules about what
 * the source is made of. A field that was not given takes its default. A field that the version cannot carry must have its
 * default, unless it is ignorable.
 */
export function generateEncoder(fields: Fields, version: number, flexible: boolean, tracing: boolean): Encoder {
  return new EncoderGenerator(version, flexible, tracing).generate(fields)
}

/** Writing of a scalar for which room was made. */
const PUT: Partial<Record<Field['type'], string>> = {
  int8: 'putInt8',
  int16: 'putInt16',
  int32: 'putInt32',
  int64: 'putInt64',
  bigint64: 'putBigint64',
  uint16: 'putUint16',
  uint32: 'putUint32',
  float64: 'putFloat64',
  boolean: 'putBoolean',
  uuid: 'putUuid',
}

const WRITE_BYTES: Partial<Record<Field['type'], readonly [plain: string, compact: string]>> = {
  string: ['writeString', 'writeCompactString'],
  bytes: ['writeBytes', 'writeCompactBytes'],
  records: ['writeRecords', 'writeCompactRecords'],
}

class EncoderGenerator {
  private readonly functions: string[] = []
  private readonly constants: unknown[] = []
  private readonly version: number
  private readonly flexible: boolean
  private readonly tracing: boolean

  constructor(version: number, flexible: boolean, tracing: boolean) {
    this.version = version
    this.flexible = flexible
    this.tracing = tracing
  }

  generate(fields: Fields): Encoder {
    const root = this.struct(fields)
    const source = `"use strict";\n${this.functions.join('\n')}\nreturn ${root}`
    return new Function('constants', 'isZeroUuid', source)(this.constants, isZeroUuid) as Encoder
  }

  /** Emits the function of a struct and returns its name. */
  private struct(fields: Fields): string {
    const plan = planStruct(fields, this.version, this.flexible)
    const lines = [`if (typeof m !== 'object' || m === null) w.notOfType(m, 'object')`]
    for (const planned of plan.fields) {
      if (planned.present || planned.field.options.ignorable === true) continue
      lines.push(this.trace(planned), `if (!${this.isDefault(`m.${planned.name}`, planned.field)}) w.notInVersion()`)
    }
    const plain = plainFields(plan)
    for (const run of this.tracing ? plain.map((one) => [one]) : runs(plain)) {
      const size = run.reduce((sum, { field }) => sum + fixedSize(field), 0)
      if (size > 0) lines.push(`w.reserve(${size})`)
      for (const planned of run) {
        lines.push(this.trace(planned), `let ${variable(planned)} = m.${planned.name}`)
        lines.push(`if (${variable(planned)} === undefined) ${variable(planned)} = ${this.defaultValue(planned.field)}`)
        lines.push(this.write(planned, variable(planned)))
      }
    }
    if (plan.flexible) lines.push(this.tags(plan))
    const name = `write${this.functions.length}`
    this.functions.push(`function ${name}(w, m, path) {\n${lines.filter((line) => line !== '').join('\n')}\n}`)
    return name
  }

  private trace({ name }: PlannedField): string {
    return this.tracing ? `w.path = path + "${name}"` : ''
  }

  /** Statements that write `value`. Scalars of fixed size expect that room was made. */
  private write({ name, field, nullable, tag }: PlannedField, value: string): string {
    const put = PUT[field.type]
    if (put !== undefined) return `w.${put}(${value})`
    if (field.type === 'struct') {
      const path = this.tracing ? `path + "${name}."` : '""'
      const call = `${this.struct(field.fields as Fields)}(w, ${value}, ${path})`
      if (!nullable) return call
      // Kafka marks a null struct by -1, but by 0 where the struct is tagged.
      const nullMark = tag === undefined ? -1 : 0
      return `w.reserve(1)\nif (${value} === null) w.putInt8(${nullMark})\nelse { w.putInt8(1)\n${call} }`
    }
    const wide = field.type === 'string' ? 'w.reserve(2)\nw.putInt16(-1)' : 'w.reserve(4)\nw.putInt32(-1)'
    const whenNull = nullable ? (this.flexible ? 'w.writeUvarint(0)' : wide) : 'w.invalidNull()'
    const write = WRITE_BYTES[field.type]
    const content =
      write === undefined
        ? this.writeElements(name, field.element as Field, value)
        : `w.${write[this.flexible ? 1 : 0]}(${value})`
    return `if (${value} === null) {\n${whenNull}\n} else {\n${content}\n}`
  }

  private writeElements(name: string, element: Field, value: string): string {
    const size = fixedSize(element)
    const room = `w.reserve(5${size > 0 ? ` + n * ${size}` : ''})`
    const count = this.flexible ? 'w.putUvarint(n + 1)' : 'w.putInt32(n)'
    let write: string
    if (element.type === 'struct') {
      const path = this.tracing ? `\`\${path}${name}[\${i}].\`` : '""'
      write = `${this.struct(element.fields as Fields)}(w, ${value}[i], ${path})`
    } else {
      const one: PlannedField = { name: 'item', field: element, present: true, nullable: false, tag: undefined }
      const trace = this.tracing ? `w.path = \`\${path}${name}[\${i}]\`\n` : ''
      write = `${trace}const item = ${value}[i]\n${this.write(one, 'item')}`
    }
    return `if (!Array.isArray(${value})) w.notOfType(${value}, 'array')\nconst n = ${value}.length\n${room}\n${count}\nfor (let i = 0; i < n; i++) {\n${write}\n}`
  }

  private tags(plan: PlannedStruct): string {
    const tagged = taggedFields(plan)
    if (tagged.length === 0) return 'w.writeUvarint(0)'
    const given = tagged.map(
      (planned) => `const ${variable(planned)} = m.${planned.name}
const has${variable(planned)} = !${this.isDefault(variable(planned), planned.field)}
if (has${variable(planned)}) tags++`,
    )
    const writes = tagged.map((planned) => {
      const size = fixedSize(planned.field)
      return `if (has${variable(planned)}) {
${this.trace(planned)}
const mark = w.beginTag(${planned.tag})
${size > 0 ? `w.reserve(${size})` : ''}
${this.write(planned, variable(planned))}
w.endTag(mark)
}`
    })
    return `let tags = 0\n${given.join('\n')}\nw.writeUvarint(tags)\nif (tags !== 0) {\n${writes.join('\n')}\n}`
  }

  /** An expression: `value` was not given or is the default. */
  private isDefault(value: string, field: Field): string {
    const fallback = defaultOf(field)
    let equal: string
    if (fallback === null) equal = `${value} === null`
    else if (field.type === 'uuid') equal = `isZeroUuid(${value})`
    else if (field.type === 'array' || field.type === 'bytes') equal = `(${value} !== null && ${value}.length === 0)`
    else if (field.type === 'struct') {
      const members = Object.entries(field.fields as Fields).map(([name, member]) =>
        this.isDefault(`${value}.${name}`, member),
      )
      equal = `(${value} !== null && ${members.join(' && ')})`
    } else equal = `${value} === ${this.defaultValue(field)}`
    return `(${value} === undefined || ${equal})`
  }

  private defaultValue(field: Field): string {
    const value = defaultOf(field)
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
    this.constants.push(value)
    return `constants[${this.constants.length - 1}]`
  }
}

/** A prefix keeps field names apart from the words of the language and of the generated code. */
function variable({ name }: PlannedField): string {
  return `_${name}`
}
