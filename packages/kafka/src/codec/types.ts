/**
 * The vocabulary of the message definitions: constructors that describe a field on the wire and, at the same time, carry
 * its TypeScript types. One definition covers all versions of a message in both directions.
 *
 * The rules are those of Kafka's message format (`clients/src/main/resources/common/message/README.md` in Kafka's
 * sources, KIP-482 for flexible versions and tagged fields).
 *
 * @example
 * const fields = {
 *   transactionalId: string({ versions: '3+', nullable: '3+', default: null }),
 *   topics: array({ name: string(), partitions: array(int32()) }),
 * }
 * type Message = DecodedStruct<typeof fields> // { transactionalId: string | null, topics: { name: string, … }[] }
 */

export type ScalarType =
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bigint64'
  | 'uint16'
  | 'uint32'
  | 'float64'
  | 'boolean'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

export interface FieldOptions<Default = unknown> {
  /** The versions that carry the field: `'3+'`, `'1-7'`, `'0'`. Without it: all versions of the message. */
  readonly versions?: string
  /** The versions in which null may be written, or `true` for all. A version outside of it refuses null. */
  readonly nullable?: string | true
  /** Number of a tagged field (KIP-482): written only in flexible versions, and only when it differs from its default. */
  readonly tag?: number
  /** The value of a field that was not given or that the version does not carry. Otherwise 0, false, '', empty, or no bytes. */
  readonly default?: Default
  /** A value other than the default may be dropped silently by a version that cannot carry it; otherwise that is an error. */
  readonly ignorable?: boolean
}

/** One field of a message. `Decoded` is what reading yields, `Input` what writing accepts, `Optional` whether it may be left out. */
export interface Field<Decoded = unknown, Input = unknown, Optional extends boolean = boolean> {
  readonly type: ScalarType | 'array' | 'struct'
  readonly options: FieldOptions
  /** What an array holds. */
  readonly element: Field | undefined
  /** What a struct holds. */
  readonly fields: Fields | undefined
  /** Types only: these three hold nothing at run time. */
  readonly '~decoded': Decoded
  readonly '~input': Input
  readonly '~optional': Optional
}

export type Fields = { readonly [name: string]: Field }

type Simplify<T> = { [K in keyof T]: T[K] } & {}
type OptionalNames<F extends Fields> = { [K in keyof F]: F[K]['~optional'] extends true ? K : never }[keyof F]

/** What decoding a struct yields: every field is present, those that the version does not carry have their default. */
export type DecodedStruct<F extends Fields> = { -readonly [K in keyof F]: F[K]['~decoded'] }

/** What encoding a struct accepts: fields with a default, and those that not every version carries, may be left out. */
export type InputStruct<F extends Fields> = Simplify<
  { readonly [K in Exclude<keyof F, OptionalNames<F>>]: F[K]['~input'] } & {
    readonly [K in OptionalNames<F>]?: F[K]['~input'] | undefined
  }
>

type OrNull<T, O> = O extends { readonly nullable: string | true } ? T | null : T
type IsOptional<O> = O extends { readonly default: unknown } | { readonly versions: string } | { readonly tag: number }
  ? true
  : false
type FieldOf<Decoded, Input, O> = Field<OrNull<Decoded, O>, OrNull<Input, O>, IsOptional<O>>

type Element = Field | Fields
type DecodedElement<E extends Element> = E extends Field ? E['~decoded'] : E extends Fields ? DecodedStruct<E> : never
type InputElement<E extends Element> = E extends Field ? E['~input'] : E extends Fields ? InputStruct<E> : never

/** Bytes that are passed through: encoding also takes a list of pieces, for instance slices of a file. */
export type RecordsInput = Uint8Array | readonly Uint8Array[]

function field<F extends Field>(type: F['type'], options: FieldOptions = {}, element?: Field, fields?: Fields): F {
  return { type, options, element, fields } as F
}

export function int8<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('int8', options)
}

export function int16<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('int16', options)
}

export function int32<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('int32', options)
}

/**
 * Eight bytes as a number: offsets, timestamps, producer ids. A value that a number cannot hold exactly is a decode
 * error; {@link bigint64} is for fields where such values are legitimate.
 */
export function int64<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('int64', options)
}

/** Eight bytes as a bigint, for the rare field whose values leave the range of exact numbers. */
export function bigint64<const O extends FieldOptions<bigint>>(options?: O): FieldOf<bigint, bigint, O> {
  return field('bigint64', options)
}

export function uint16<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('uint16', options)
}

export function uint32<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('uint32', options)
}

export function float64<const O extends FieldOptions<number>>(options?: O): FieldOf<number, number, O> {
  return field('float64', options)
}

export function boolean<const O extends FieldOptions<boolean>>(options?: O): FieldOf<boolean, boolean, O> {
  return field('boolean', options)
}

/** Sixteen bytes. Its default is the zero id, Kafka's "no id". */
export function uuid<const O extends FieldOptions<never>>(options?: O): FieldOf<Uint8Array, Uint8Array, O> {
  return field('uuid', options)
}

/** At most 32,767 bytes of UTF-8 (Kafka's own limit in every version). */
export function string<const O extends FieldOptions<string | null>>(options?: O): FieldOf<string, string, O> {
  return field('string', options)
}

/** Bytes that outlive the frame they came in: decoding copies them. */
export function bytes<const O extends FieldOptions<null>>(options?: O): FieldOf<Uint8Array, Uint8Array, O> {
  return field('bytes', options)
}

/** Record batches: decoding yields a view of the frame, encoding hands large ones on without a copy. */
export function records<const O extends FieldOptions<null>>(options?: O): FieldOf<Uint8Array, RecordsInput, O> {
  return field('records', options)
}

export function array<const E extends Element, const O extends FieldOptions<null>>(
  element: E,
  options?: O,
): FieldOf<DecodedElement<E>[], readonly InputElement<E>[], O> {
  const isField = typeof element.type === 'string'
  return field('array', options, isField ? (element as Field) : field('struct', {}, undefined, element as Fields))
}

/** A struct of its own. A tagged one that was absent decodes to one shared, frozen object of defaults. */
export function struct<const F extends Fields, const O extends FieldOptions<null>>(
  fields: F,
  options?: O,
): FieldOf<Readonly<DecodedStruct<F>>, InputStruct<F>, O> {
  return field('struct', options, undefined, fields)
}
