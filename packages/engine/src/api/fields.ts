import { MillraceError } from '@millrace/std'
import { describe } from './options.ts'

/** The fields of a record, or positions of a tuple, that hold a number. */
export type NumericField<T> = FieldOf<T, number>
/** The fields or positions that hold something with an order. */
export type OrderedField<T> = FieldOf<T, number | string | bigint | Date | boolean>

type FieldOf<T, V> = T extends readonly unknown[]
  ?
      | { [I in keyof T & `${number}`]: T[I] extends V ? AsNumber<I> : never }[keyof T & `${number}`]
      | (number extends T['length'] ? number : never)
  : { [K in keyof T & string]: T[K] extends V ? K : never }[keyof T & string]

type AsNumber<I> = I extends `${infer N extends number}` ? N : never

/** @throws MillraceError `API_BAD_FIELD` */
export function checkField(field: unknown, where: string): string | number {
  if (
    (typeof field === 'string' && field !== '') ||
    (typeof field === 'number' && Number.isInteger(field) && field >= 0)
  ) {
    return field
  }
  throw new MillraceError('API_BAD_FIELD', {
    message: `${where} needs the name of a field or the position in a tuple, not ${describe(field)}.`,
    fix: `Write ${where.replace('()', "('price')")}.`,
  })
}
