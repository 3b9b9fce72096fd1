import { MessageSchema } from '../codec/schema.ts'
import type { Fields } from '../codec/types.ts'

/** One kind of record of `__cluster_metadata`. All versions are flexible. */
export interface MetadataRecordType<F extends Fields = Fields, N extends string = string> {
  /** The number that leads the record. */
  readonly key: number
  readonly name: N
  readonly schema: MessageSchema<F>
}

export interface MetadataRecordDefinition<F extends Fields, N extends string> {
  readonly key: number
  readonly name: N
  /** The versions begin at 0. */
  readonly newest: number
  readonly fields: F
}

export function defineMetadataRecord<const F extends Fields, const N extends string>({
  key,
  name,
  newest,
  fields,
}: MetadataRecordDefinition<F, N>): MetadataRecordType<F, N> {
  return { key, name, schema: new MessageSchema(name, [0, newest], 0, fields) }
}
