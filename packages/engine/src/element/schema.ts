/**
 * Types of a column. `int64` is a whole number within ±2^53 (kept in a Float64Array; a value beyond is refused when it is
 * decoded, never rounded); `timestamp` is milliseconds since the epoch.
 */
export type ColumnType = 'boolean' | 'int32' | 'int64' | 'float64' | 'timestamp' | 'string' | 'bytes'

/** What user code sees for a column type. */
export type ColumnValue<C extends ColumnType> = C extends 'boolean'
  ? boolean
  : C extends 'string'
    ? string
    : C extends 'bytes'
      ? Uint8Array
      : number

/** `'int64'`, or `'int64?'` for a column that may be null. */
export type ColumnSpec = ColumnType | `${ColumnType}?`
export type SchemaSpec = { readonly [name: string]: ColumnSpec }

type SpecValue<S extends ColumnSpec> = S extends ColumnType
  ? ColumnValue<S>
  : S extends `${infer C extends ColumnType}?`
    ? ColumnValue<C> | null
    : never

export interface Field {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
}

/** Names and types of the columns of a stream, in order. Frozen; compare with {@link schemasEqual}. */
export interface Schema<T = unknown> {
  readonly fields: readonly Field[]
  /** Never set: carries the row type, so that types flow from a source's schema to the sink. */
  readonly rowType?: T
}

/** The row type of a schema. */
export type RowOf<S> = S extends Schema<infer T> ? T : never

/**
 * A light schema for the columnar path.
 *
 * @example
 * const bid = schema({ auction: 'int64', bidder: 'int64', price: 'float64', channel: 'string?' })
 * // rows are { auction: number; bidder: number; price: number; channel: string | null }
 */
export function schema<const S extends SchemaSpec>(spec: S): Schema<{ -readonly [K in keyof S]: SpecValue<S[K]> }> {
  const fields = Object.entries(spec).map(([name, columnSpec]) => {
    const nullable = columnSpec.endsWith('?')
    const type = (nullable ? columnSpec.slice(0, -1) : columnSpec) as ColumnType
    return Object.freeze({ name, type, nullable })
  })
  return Object.freeze({ fields: Object.freeze(fields) })
}

export function schemasEqual(a: Schema, b: Schema): boolean {
  return (
    a === b ||
    (a.fields.length === b.fields.length &&
      a.fields.every((field, i) => {
        const other = b.fields[i] as Field
        return field.name === other.name && field.type === other.type && field.nullable === other.nullable
      }))
  )
}
