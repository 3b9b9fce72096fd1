import { MillraceError } from '@millrace/std'
import type { Expression } from '../graph/expression.ts'
import { describe } from './options.ts'

/** What a record must have so that the field `Name` can be read as a `V`. */
type Reads<Name extends string, V> = { readonly [K in Name]: V | null }
type Literal = number | string | boolean | null
type Ordered = number | string

/**
 * An expression over the fields of a record. It is data, not code, so a pipeline of such expressions stays in columns.
 * As in SQL, null in gives null out, and `where` keeps a record only when its condition is true.
 *
 * `Row` is what a record must have; `Nulls` names the fields whose null makes the expression null.
 */
export interface FieldExpression<Row, Nulls extends string> {
  readonly node: Expression
  /** Never set: carry the types. */
  readonly row?: (row: Row) => void
  readonly nulls?: Nulls
}

interface Comparisons<Row, Nulls extends string, V> {
  equals<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
  notEquals<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
  lessThan<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
  lessThanOrEqual<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
  greaterThan<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
  greaterThanOrEqual<O extends Operand<V>>(other: O): BooleanExpression<Row & RowOf<O, V>, Nulls | NullsOf<O>>
}

interface Arithmetic<Row, Nulls extends string> {
  plus<O extends Operand<number>>(other: O): NumberExpression<Row & RowOf<O, number>, Nulls | NullsOf<O>>
  minus<O extends Operand<number>>(other: O): NumberExpression<Row & RowOf<O, number>, Nulls | NullsOf<O>>
  times<O extends Operand<number>>(other: O): NumberExpression<Row & RowOf<O, number>, Nulls | NullsOf<O>>
  dividedBy<O extends Operand<number>>(other: O): NumberExpression<Row & RowOf<O, number>, Nulls | NullsOf<O>>
  /** The remainder, with the sign of the dividend. */
  mod<O extends Operand<number>>(other: O): NumberExpression<Row & RowOf<O, number>, Nulls | NullsOf<O>>
}

interface Logic<Row, Nulls extends string> {
  and<O extends Operand<boolean>>(other: O): BooleanExpression<Row & RowOf<O, boolean>, Nulls | NullsOf<O>>
  or<O extends Operand<boolean>>(other: O): BooleanExpression<Row & RowOf<O, boolean>, Nulls | NullsOf<O>>
  not(): BooleanExpression<Row, Nulls>
}

export interface NumberExpression<Row, Nulls extends string>
  extends FieldExpression<Row, Nulls>,
    Arithmetic<Row, Nulls>,
    Comparisons<Row, Nulls, number> {
  readonly value?: number
  isNull(): BooleanExpression<Row, never>
  isNotNull(): BooleanExpression<Row, never>
}

export interface BooleanExpression<Row, Nulls extends string> extends FieldExpression<Row, Nulls>, Logic<Row, Nulls> {
  readonly value?: boolean
  isNull(): BooleanExpression<Row, never>
  isNotNull(): BooleanExpression<Row, never>
}

/** A field by name. What type it must have follows from what is done with it. */
export interface FieldRef<Name extends string>
  extends Arithmetic<Reads<Name, number>, Name>,
    Logic<Reads<Name, boolean>, Name> {
  readonly node: Expression
  /** Never set: carries the name. */
  readonly fieldName?: Name
  equals<O extends AnyOperand>(other: O): FieldComparison<Name, O, Literal>
  notEquals<O extends AnyOperand>(other: O): FieldComparison<Name, O, Literal>
  lessThan<O extends AnyOperand>(other: O): FieldComparison<Name, O, Ordered>
  lessThanOrEqual<O extends AnyOperand>(other: O): FieldComparison<Name, O, Ordered>
  greaterThan<O extends AnyOperand>(other: O): FieldComparison<Name, O, Ordered>
  greaterThanOrEqual<O extends AnyOperand>(other: O): FieldComparison<Name, O, Ordered>
  isNull(): BooleanExpression<Reads<Name, unknown>, never>
  isNotNull(): BooleanExpression<Reads<Name, unknown>, never>
}

type FieldComparison<Name extends string, O, Default> = BooleanExpression<
  Reads<Name, Compared<O, Default>> & RowOf<O, Default>,
  Name | NullsOf<O>
>

/** The type that a field must have to be compared with `O`. */
type Compared<O, Default> = O extends number
  ? number
  : O extends string
    ? string
    : O extends boolean
      ? boolean
      : O extends { readonly value?: infer V }
        ? Exclude<V, undefined>
        : Default

/** What can stand where a `V` is needed: a literal, an expression, or a field. */
type Operand<V> =
  | V
  | FieldRef<string>
  | (V extends number ? NumberExpression<never, string> : V extends boolean ? BooleanExpression<never, string> : never)
type AnyOperand = Literal | FieldRef<string> | NumberExpression<never, string> | BooleanExpression<never, string>

type RowOf<O, V> =
  O extends FieldRef<infer Name> ? Reads<Name, V> : O extends FieldExpression<infer Row, string> ? Row : unknown
type NullsOf<O> = O extends FieldRef<infer Name> ? Name : O extends FieldExpression<never, infer Nulls> ? Nulls : never

/** What `select()` takes for a record type: names of new fields → expressions. */
export type Selection<T> = {
  readonly [name: string]:
    | FieldRef<Extract<keyof T, string>>
    | NumberExpression<T, string>
    | BooleanExpression<T, string>
}

/** The record that `select()` makes. */
export type Selected<T, S> = { -readonly [K in keyof S]: SelectedValue<T, S[K]> }

type SelectedValue<T, E> =
  E extends FieldRef<infer Name>
    ? Name extends keyof T
      ? T[Name]
      : never
    : E extends { readonly value?: infer V; readonly nulls?: infer Nulls }
      ? Exclude<V, undefined> | NullIn<T, Nulls>
      : never

type NullIn<T, Nulls> = Nulls extends keyof T ? (null extends T[Nulls] ? null : never) : never

/** A condition over a record of type `T`. */
export type Condition<T> = BooleanExpression<T, string> | FieldRef<BooleanFields<T>>
type BooleanFields<T> = { [K in keyof T & string]: T[K] extends boolean | null ? K : never }[keyof T & string]

/**
 * A field of the record.
 *
 * @example
 * bids
 *   .where(field('price').times(0.908).greaterThan(100).and(field('channel').notEquals('spam')))
 *   .select({ auction: field('auction'), dollars: field('price').times(0.908) })
 */
export function field<const Name extends string>(name: Name): FieldRef<Name> {
  if (typeof name !== 'string' || name === '') {
    throw new MillraceError('API_BAD_EXPRESSION', {
      message: `field() needs the name of a field, not ${describe(name)}.`,
      fix: "Write field('price').",
    })
  }
  return new ExpressionBuilder({ kind: 'field', name }) as unknown as FieldRef<Name>
}

/** The one implementation behind the typed interfaces. */
class ExpressionBuilder {
  readonly node: Expression

  constructor(node: Expression) {
    this.node = Object.freeze(node)
  }

  plus = (other: unknown) => this.#arithmetic('+', other)
  minus = (other: unknown) => this.#arithmetic('-', other)
  times = (other: unknown) => this.#arithmetic('*', other)
  dividedBy = (other: unknown) => this.#arithmetic('/', other)
  mod = (other: unknown) => this.#arithmetic('%', other)
  equals = (other: unknown) => this.#comparison('=', other)
  notEquals = (other: unknown) => this.#comparison('<>', other)
  lessThan = (other: unknown) => this.#comparison('<', other)
  lessThanOrEqual = (other: unknown) => this.#comparison('<=', other)
  greaterThan = (other: unknown) => this.#comparison('>', other)
  greaterThanOrEqual = (other: unknown) => this.#comparison('>=', other)
  and = (other: unknown) => this.#logical('and', other)
  or = (other: unknown) => this.#logical('or', other)
  not = () => new ExpressionBuilder({ kind: 'not', operand: this.node })
  isNull = () => new ExpressionBuilder({ kind: 'isNull', operand: this.node })
  isNotNull = () => new ExpressionBuilder({ kind: 'not', operand: { kind: 'isNull', operand: this.node } })

  #arithmetic(op: '+' | '-' | '*' | '/' | '%', other: unknown): ExpressionBuilder {
    return new ExpressionBuilder({ kind: 'arithmetic', op, left: this.node, right: operand(other) })
  }

  #comparison(op: '=' | '<>' | '<' | '<=' | '>' | '>=', other: unknown): ExpressionBuilder {
    return new ExpressionBuilder({ kind: 'comparison', op, left: this.node, right: operand(other) })
  }

  #logical(op: 'and' | 'or', other: unknown): ExpressionBuilder {
    return new ExpressionBuilder({ kind: 'logical', op, left: this.node, right: operand(other) })
  }
}

function operand(value: unknown): Expression {
  if (value instanceof ExpressionBuilder) return value.node
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') {
    return Object.freeze({ kind: 'literal', value })
  }
  throw new MillraceError('API_BAD_EXPRESSION', {
    message: `An expression cannot be compared or computed with ${describe(value)}.`,
    fix: "Give a number, string, boolean or null, or another field: field('price').times(2).",
  })
}

/** The expression that a user handed in where one is needed. */
export function expressionNode(value: unknown, where: string): Expression {
  if (value instanceof ExpressionBuilder) return value.node
  throw new MillraceError('API_BAD_EXPRESSION', {
    message: `${where} needs a field expression, not ${describe(value)}.`,
    fix: typeof value === 'function' ? 'Closures belong into map() and filter().' : "Build one with field('name').",
  })
}
