import { MillraceError, suggest } from '@millrace/std'
import type { Expression } from '../graph/expression.ts'
import type { Program } from './program.ts'
import { type ColumnCode, fieldValue, type Row, type RowField, type Value, type ValueType } from './row.ts'

/**
 * Code for field expressions: SQL's three-valued logic over JavaScript's numbers.
 *
 * A null operand makes arithmetic and comparisons null; `and` and `or` follow Kleene. Whole numbers stay whole under
 * `+`, `-`, `*` and `%` by a literal; `/` always gives a fraction, as in JavaScript. Over columns types are checked when
 * the job is planned; fields of objects are checked as the records come.
 */
export class ExpressionCompiler {
  readonly #program: Program
  readonly #columns: ColumnCode | undefined
  /** Fields of the current object row that were read already. */
  readonly #read = new Map<string, Value>()

  constructor(program: Program, columns: ColumnCode | undefined) {
    this.#program = program
    this.#columns = columns
  }

  /** The type of what {@link compile} gives. */
  compile(expression: Expression, row: Row): Value {
    switch (expression.kind) {
      case 'field':
        return this.#field(expression.name, row)
      case 'literal':
        return this.#literal(expression.value)
      case 'arithmetic':
        return this.#arithmetic(expression, row)
      case 'comparison':
        return this.#comparison(expression, row)
      case 'logical':
        return this.#logical(expression.op, this.#boolean(expression.left, row), this.#boolean(expression.right, row))
      case 'not': {
        const operand = this.#boolean(expression.operand, row)
        if (operand.isNull === undefined) return { ...operand, code: `!${operand.code}` }
        return { ...operand, code: `(!${operand.isNull} && !${operand.code})` }
      }
      case 'isNull': {
        const { isNull } = this.compile(expression.operand, row)
        return { type: 'boolean', code: isNull ?? 'false', isNull: undefined }
      }
    }
  }

  /** Leaves the loop's turn when the condition is not true: parts of a conjunction are tested one after the other. */
  keepWhere(condition: Expression, row: Row): void {
    if (condition.kind === 'logical' && condition.op === 'and') {
      this.keepWhere(condition.left, row)
      this.keepWhere(condition.right, row)
    } else {
      this.#program.line(`if (!${this.#boolean(condition, row).code}) continue`)
    }
  }

  #field(name: string, row: Row): Value {
    if (row.layout === 'fields') return fieldValue(findField(row.fields, name), this.#columns)
    const key = `${row.value} ${name}`
    let value = this.#read.get(key)
    if (value === undefined) {
      const read = this.#program.local(this.#program.property(row.value, name))
      value = { type: 'unknown', code: read, isNull: `(${read} == null)` }
      this.#read.set(key, value)
    }
    return value
  }

  #literal(value: number | string | boolean | null): Value {
    if (value === null) return { type: 'null', code: 'null', isNull: 'true' }
    const code = this.#program.constant(value)
    if (typeof value === 'number') return { type: isInt32(value) ? 'int32' : 'float64', code, isNull: undefined }
    return { type: typeof value === 'string' ? 'string' : 'boolean', code, isNull: undefined }
  }

  #arithmetic({ op, left, right }: Expression & { kind: 'arithmetic' }, row: Row): Value {
    const a = this.#number(left, row, op)
    const b = this.#number(right, row, op)
    const type = arithmeticType(op, a.type, b.type, right)
    return { type, code: this.#program.local(`${a.code} ${op} ${b.code}`), isNull: this.#either(a, b) }
  }

  #comparison({ op, left, right }: Expression & { kind: 'comparison' }, row: Row): Value {
    const text = this.#textEquality(op, left, right, row) ?? this.#textEquality(op, right, left, row)
    if (text !== undefined) return text
    const a = this.compile(left, row)
    const b = this.compile(right, row)
    if (op === '=' || op === '<>') checkComparable(op, a.type, b.type)
    else checkOrdered(op, a.type, b.type)
    const isNull = this.#either(a, b)
    if (a.type === 'null' || b.type === 'null') return { type: 'boolean', code: 'false', isNull: 'true' }
    const program = this.#program
    if (a.type === 'unknown' || b.type === 'unknown') {
      const test = `typeof ${a.code} !== typeof ${b.code}`
      program.line(
        `if (${isNull === undefined ? test : `!${isNull} && ${test}`}) throw ${program.constant(notComparable)}(${a.code}, ${b.code})`,
      )
    }
    const test = `${a.code} ${op === '=' ? '===' : op === '<>' ? '!==' : op} ${b.code}`
    return { type: 'boolean', code: program.local(isNull === undefined ? test : `!${isNull} && ${test}`), isNull }
  }

  /** `text = 'literal'` over a column compares bytes. */
  #textEquality(op: string, field: Expression, literal: Expression, row: Row): Value | undefined {
    if ((op !== '=' && op !== '<>') || row.layout !== 'fields') return undefined
    if (field.kind !== 'field' || literal.kind !== 'literal' || typeof literal.value !== 'string') return undefined
    const { type, source } = findField(row.fields, field.name)
    if (type !== 'string' || source.kind !== 'column') return undefined
    const equals = (this.#columns as ColumnCode).textEquals(source.index, literal.value)
    if (op === '=') return { ...equals, code: this.#program.local(equals.code) }
    const code = equals.isNull === undefined ? `!${equals.code}` : `!${equals.isNull} && !${equals.code}`
    return { ...equals, code: this.#program.local(code) }
  }

  #logical(op: 'and' | 'or', a: Value, b: Value): Value {
    const program = this.#program
    const code = program.local(`${a.code} ${op === 'and' ? '&&' : '||'} ${b.code}`)
    if (a.isNull === undefined && b.isNull === undefined) return { type: 'boolean', code, isNull: undefined }
    const isNullA = a.isNull ?? 'false'
    const isNullB = b.isNull ?? 'false'
    const isNull =
      op === 'and'
        ? `(${isNullA} && (${isNullB} || ${b.code})) || (${isNullB} && ${a.code})`
        : `!${code} && (${isNullA} || ${isNullB})`
    return { type: 'boolean', code, isNull: program.local(isNull, 'u') }
  }

  /** An operand of logic: its code is false when it is null. */
  #boolean(expression: Expression, row: Row): Value {
    const value = this.compile(expression, row)
    if (value.type === 'boolean') return value
    if (value.type === 'null') return { type: 'boolean', code: 'false', isNull: 'true' }
    if (value.type !== 'unknown') throw wrongType('A condition', 'boolean', value.type)
    const program = this.#program
    program.line(
      `if (typeof ${value.code} !== 'boolean' && !${value.isNull}) throw ${program.constant(notBoolean)}(${value.code})`,
    )
    return { type: 'boolean', code: `(${value.code} === true)`, isNull: value.isNull }
  }

  #number(expression: Expression, row: Row, op: string): Value {
    const value = this.compile(expression, row)
    if (value.type === 'unknown') {
      const program = this.#program
      program.line(
        `if (typeof ${value.code} !== 'number' && !${value.isNull}) throw ${program.constant(notNumber)}(${value.code})`,
      )
      return value
    }
    if (!isNumeric(value.type) && value.type !== 'null') throw wrongType(`An operand of '${op}'`, 'number', value.type)
    return value
  }

  #either(a: Value, b: Value): string | undefined {
    if (a.isNull === undefined || b.isNull === undefined) return a.isNull ?? b.isNull
    return a.isNull === b.isNull ? a.isNull : this.#program.local(`${a.isNull} || ${b.isNull}`, 'u')
  }
}

export function findField(fields: readonly RowField[], name: string): RowField {
  const found = fields.find((field) => field.name === name)
  if (found !== undefined) return found
  const names = fields.map((field) => field.name)
  const near = suggest(name, names)
  throw new MillraceError('PLAN_UNKNOWN_FIELD', {
    message: `The records have no field '${name}'.`,
    fix: near === undefined ? `Their fields are ${names.join(', ')}.` : `Did you mean '${near}'?`,
  })
}

function isInt32(value: number): boolean {
  return (value | 0) === value
}

function isNumeric(type: ValueType): boolean {
  return type === 'int32' || type === 'int64' || type === 'float64' || type === 'timestamp'
}

function arithmeticType(op: string, a: ValueType, b: ValueType, right: Expression): ValueType {
  if (a === 'null' || b === 'null') return 'null'
  if (a === 'timestamp' || b === 'timestamp') {
    if (a === b && op === '-') return 'int64'
    if (a !== b && (op === '+' || (op === '-' && a === 'timestamp'))) return 'timestamp'
  }
  const whole = a !== 'float64' && a !== 'unknown' && b !== 'float64' && b !== 'unknown'
  if (!whole || op === '/') return 'float64'
  if (op === '%') return right.kind === 'literal' && right.value !== 0 ? 'int64' : 'float64'
  return 'int64'
}

function checkComparable(op: string, a: ValueType, b: ValueType): void {
  if (a === 'bytes' || b === 'bytes') throw wrongType(`An operand of '${op}'`, 'number, string or boolean', 'bytes')
  if (a === 'unknown' || b === 'unknown' || a === 'null' || b === 'null') return
  if (a !== b && !(isNumeric(a) && isNumeric(b))) throw cannotCompare(a, b)
}

function checkOrdered(op: string, a: ValueType, b: ValueType): void {
  for (const type of [a, b]) {
    if (type === 'boolean' || type === 'bytes') throw wrongType(`An operand of '${op}'`, 'number or string', type)
  }
  checkComparable(op, a, b)
}

function wrongType(what: string, expected: string, type: ValueType): MillraceError {
  return new MillraceError('PLAN_BAD_EXPRESSION', {
    message: `${what} is of type ${type}; it must be ${expected}.`,
    fix: 'Correct the expression, or use a function with map() or filter().',
  })
}

function cannotCompare(a: ValueType, b: ValueType): MillraceError {
  return new MillraceError('PLAN_BAD_EXPRESSION', {
    message: `A ${a} cannot be compared with a ${b}.`,
    fix: 'Compare values of the same type.',
  })
}

function notNumber(value: unknown): MillraceError {
  return badValue(`An operand of arithmetic is a ${typeof value}, not a number`)
}

function notBoolean(value: unknown): MillraceError {
  return badValue(`A condition is a ${typeof value}, not a boolean`)
}

function notComparable(a: unknown, b: unknown): MillraceError {
  return badValue(`A ${typeof a} cannot be compared with a ${typeof b}`)
}

function badValue(message: string): MillraceError {
  return new MillraceError('EXPRESSION_BAD_VALUE', {
    message: `${message}.`,
    fix: 'Correct the records or the expression; filter() can leave out records that do not fit.',
  })
}
