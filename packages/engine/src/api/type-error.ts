/**
 * A type that nothing can be assigned to and that reads as a sentence in the compiler's message:
 * `Argument of type 'number[][]' is not assignable to parameter of type 'MillraceTypeError<"A key must be …">'`.
 */
export interface MillraceTypeError<Sentence extends string> {
  readonly ' why': Sentence
}

type IsAny<X> = 0 extends 1 & X ? true : false

/** `unknown` (no objection), or the sentence, for the result of a callback that must not be a promise. */
export type NotPromise<R, Sentence extends string> =
  IsAny<R> extends true
    ? unknown
    : [Extract<R, PromiseLike<unknown>>] extends [never]
      ? unknown
      : MillraceTypeError<Sentence>

type PrimitiveKeyType = string | number | bigint | boolean | Date | Uint8Array | null | undefined

type IsFlat<K> = K extends PrimitiveKeyType
  ? true
  : K extends readonly (infer Part)[]
    ? [Part] extends [PrimitiveKeyType]
      ? true
      : false
    : K extends (...args: never[]) => unknown
      ? false
      : K extends object
        ? [K[keyof K]] extends [PrimitiveKeyType]
          ? true
          : false
        : false

/** `unknown` (no objection) when every member of `K` can be a key, else the sentence. */
export type ValidKey<K> =
  IsAny<K> extends true
    ? unknown
    : [Extract<K, PromiseLike<unknown>>] extends [never]
      ? false extends IsFlat<K>
        ? MillraceTypeError<'A key must be a string, number, bigint, boolean, Date, Uint8Array or null, or a tuple or flat object of these.'>
        : unknown
      : MillraceTypeError<'keyBy() needs the key itself, not a promise of it: look it up before, in an asynchronous source or operator.'>
