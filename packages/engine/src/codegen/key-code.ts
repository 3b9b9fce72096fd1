import { columnAt } from '../element/column-reader.ts'
import type { KeySelector } from '../graph/node.ts'
import { SPREAD } from '../state/slot-index.ts'
import { findField } from './expression-code.ts'
import type { StepProgram } from './step-code.ts'
import { type RowField, userValue, type Value } from './row.ts'

/**
 * Code that finds the slot of the record's key, in `slot`. Integers are looked up in place; the program keeps the index
 * in `E` (entries), `M` (mask) and `H` (shift), see SlotIndex.
 */
export function keySlot(chain: StepProgram, key: KeySelector | undefined): void {
  const { program } = chain
  if (key === undefined) {
    program.line('const slot = keys.slotOf(undefined)')
  } else if (key.kind === 'closure') {
    anyKey(chain, chain.call(key.fn, 'keyBy()'))
  } else if (key.expression.kind === 'field' && chain.row.layout === 'object') {
    anyKey(chain, program.local(program.property(chain.row.value, key.expression.name)))
  } else {
    const field =
      key.expression.kind === 'field' && chain.row.layout === 'fields'
        ? findField(chain.row.fields, key.expression.name)
        : undefined
    if (field?.type === 'string' && field.source.kind === 'column') textKey(chain, field)
    else typedKey(chain, chain.expressions.compile(key.expression, chain.row))
  }
}

/** A string of a column is found without being decoded. */
function textKey({ program, columns }: StepProgram, { source }: RowField): void {
  const index = source.kind === 'column' ? source.index : -1
  columns?.read.add(index)
  const slots = program.fresh('k')
  program.before(`const ${slots} = operator.textKeys.of(${program.constant(columnAt)}(batch, ${index}))`)
  program.line(`const slot = ${slots}.slot(i)`)
}

function typedKey(chain: StepProgram, value: Value): void {
  const { program } = chain
  if (value.isNull !== undefined || value.type === 'unknown' || value.type === 'string' || value.type === 'boolean') {
    anyKey(chain, program.local(userValue(value)))
  } else if (value.type === 'int32') {
    program.line(`let slot = -1\n${integerSlot(value.code)}`)
  } else if (value.type === 'bytes') {
    program.line(`const slot = keys.slotOf(${value.code})`)
  } else {
    const word = program.local(`${value.code} | 0`)
    program.line(
      `let slot = -1\nif (${word} === ${value.code}) { ${integerSlot(word)} } else slot = keys.slotOf(${value.code})`,
    )
  }
}

function anyKey({ program }: StepProgram, key: string): void {
  program.line(`let slot = -1
    if (typeof ${key} === 'number' && (${key} | 0) === ${key}) { const key = ${key} | 0; ${integerSlot('key')} }
    else if (typeof ${key} === 'string') slot = keys.slotOfString(${key})
    else slot = keys.slotOf(${key})`)
}

function integerSlot(key: string): string {
  return `
    let e = Math.imul(${key}, ${SPREAD}) >>> H
    for (;;) {
      const found = E[e << 1 | 1]
      if (found === 0) {
        slot = keys.addInteger(${key})
        E = integers.entries; M = integers.mask; H = integers.shift
        break
      }
      if (E[e << 1] === ${key}) { slot = found - 1; break }
      e = e + 1 & M
    }`
}
