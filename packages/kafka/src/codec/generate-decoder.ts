import { defaultOf } from './defaults.ts'
import {
  fixedSize,
  minimumSize,
  type PlannedField,
  type PlannedStruct,
  plainFields,
  planStruct,
  runs,
  taggedFields,
} from './plan.ts'
import type { Reader } from './reader.ts'
import type { Field, Fields } from './types.ts'

export type Decoder = (reader: Reader, path: string) => unknown

/**
 * Compiles the decoder of one version of a message: straight-line code, one function per struct, each returning an object
 * of one shape whatever the version. A tracing decoder does the same and notes on the way which field it is at; it runs
 * only to explain an error. The source is made of checked field names, numbers and references into a table: no text of
 * anybody else gets into it. Definitions are finite trees, so nesting is bounded by them.
 */
export function generateDecoder(fields: Fields, version: number, flexible: boolean, tracing: boolean): Decoder {
  return new DecoderGenerator(version, flexible, tracing).generate(fields)
}

/** Reading of a scalar whose room was checked. */
const GET: Partial<Record<Field['type'], string>> = {
  int8: 'r.getInt8()',
  int16: 'r.getInt16()',
  int32: 'r.getInt32()',
  int64: 'r.getInt64()',
  bigint64: 'r.getBigint64()',
  uint16: 'r.getUint16()',
  uint32: 'r.getUint32()',
  float64: 'r.getFloat64()',
  boolean: 'r.getBoolean()',
  uuid: 'r.getUuid()',
}

const READ_BYTES: Partial<Record<Field['type'], string>> = {
  string: 'readText',
  bytes: 'readCopy',
  records: 'readView',
}

class DecoderGenerator {
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

  generate(fields: Fields): Decoder {
    const root = this.struct(fields)
    const source = `"use strict";\n${this.functions.join('\n')}\nreturn ${root}`
    return new Function('constants', source)(this.constants) as Decoder
  }

  /** Emits the function of a struct and returns its name. */
  private struct(fields: Fields): string {
    const plan = planStruct(fields, this.version, this.flexible)
    const lines: string[] = []
    const plain = plainFields(plan)
    for (const run of this.tracing ? plain.map((one) => [one]) : runs(plain)) {
      const size = run.reduce((sum, { field }) => sum + fixedSize(field), 0)
      if (this.tracing) lines.push(this.trace(run[0] as PlannedField))
      if (size > 0) lines.push(`r.need(${size})`)
      for (const planned of run) lines.push(`let ${variable(planned)}`, this.read(planned, variable(planned)))
    }
    if (plan.flexible) lines.push(this.tags(plan))
    const members = plan.fields.map(
      (planned) => `${planned.name}: ${planned.present ? variable(planned) : this.defaultValue(planned.field)}`,
    )
    const name = `read${this.functions.length}`
    lines.push(`return { ${members.join(', ')} }`)
    this.functions.push(`function ${name}(r, path) {\n${lines.join('\n')}\n}`)
    return name
  }

  private trace({ name }: PlannedField): string {
    return `r.path = path + "${name}"`
  }

  /** Statements that read one value into `target`. Scalars of fixed size expect that their room was checked. */
  private read({ name, field, nullable, tag }: PlannedField, target: string): string {
    const get = GET[field.type]
    if (get !== undefined) return `${target} = ${get}`
    const whenNull = nullable ? `${target} = null` : 'r.invalidNull()'
    if (field.type === 'struct') {
      const call = `${target} = ${this.struct(field.fields as Fields)}(r, ${this.tracing ? `path + "${name}."` : '""'})`
      if (!nullable) return call
      // Kafka marks a null struct by -1, but by 0 where the struct is tagged.
      const isNull = tag === undefined ? 'r.getInt8() < 0' : 'r.readUvarint() === 0'
      return `r.need(1)\nif (${isNull}) ${target} = null\nelse ${call}`
    }
    const wide = field.type === 'string' ? 'r.readLength16()' : 'r.readLength32()'
    const length = `const n = ${this.flexible ? 'r.readCompactLength()' : wide}`
    const read = READ_BYTES[field.type]
    if (read !== undefined) return `{ ${length}\nif (n < 0) ${whenNull}\nelse ${target} = r.${read}(n) }`
    return `{ ${length}\nif (n < 0) ${whenNull}\nelse {\n${this.readElements(name, field.element as Field, target)}\n} }`
  }

  private readElements(name: string, element: Field, target: string): string {
    const minimum = Math.max(1, minimumSize(element, this.version, this.flexible))
    const elementName = this.tracing ? `\${path}${name}[\${i}]` : ''
    const one: PlannedField = { name: 'item', field: element, present: true, nullable: false, tag: undefined }
    let read: string
    if (element.type === 'struct') {
      const path = this.tracing ? `\`${elementName}.\`` : '""'
      read = `${target}.push(${this.struct(element.fields as Fields)}(r, ${path}))`
    } else {
      const trace = this.tracing ? `r.path = \`${elementName}\`\n` : ''
      read = `${trace}let item\n${this.read(one, 'item')}\n${target}.push(item)`
    }
    return `r.checkCount(n, ${minimum})\n${target} = []\nfor (let i = 0; i < n; i++) {\n${read}\n}`
  }

  private tags(plan: PlannedStruct): string {
    const tagged = taggedFields(plan)
    const trace = this.tracing ? 'r.path = path + "tagged fields"\n' : ''
    if (tagged.length === 0) return `${trace}r.skipTags()`
    const cases = tagged.map((planned) => {
      const size = fixedSize(planned.field)
      const need = size > 0 ? `r.need(${size})\n` : ''
      const note = this.tracing ? `${this.trace(planned)}\n` : ''
      return `case ${planned.tag}: { ${note}${need}${this.read(planned, variable(planned))}\nr.checkTagEnd(end)\nbreak }`
    })
    return `${tagged.map((planned) => `let ${variable(planned)} = ${this.defaultValue(planned.field)}`).join('\n')}
${trace}const tags = r.readUvarint()
if (tags !== 0) {
r.checkCount(tags, 2)
for (let t = 0; t < tags; t++) {
const tag = r.readUvarint()
const size = r.readUvarint()
r.need(size)
const end = r.position + size
switch (tag) {
${cases.join('\n')}
default: r.position = end
}
}
}`
  }

  private defaultValue(field: Field): string {
    const value = defaultOf(field)
    if (Array.isArray(value)) return '[]'
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
