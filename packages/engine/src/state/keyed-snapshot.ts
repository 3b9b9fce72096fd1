import { crc32 } from 'node:zlib'
import { MillraceError } from '@millrace/std'
import { BinaryReader, BinaryWriter } from './binary.ts'
import type { StateDescriptors } from './descriptor.ts'
import type { KeyTable } from './key-table.ts'
import { valueSerializer } from './type-serializer.ts'

/*
 * State of the keys of one key group as bytes:
 *
 *   magic "MRKS" | format version | length of the body | body | CRC-32 of the body
 *   body = shape, version of the values, number of keys, then per key: the key, what the operator wrote for it
 *
 * To change the format: raise FORMAT_VERSION, keep reading the old one in `readKeyGroup`.
 */
const MAGIC = 0x534b524d
const FORMAT_VERSION = 1

/** What the entries of a snapshot are made of; a restored snapshot must have been written by the same shape. */
export interface SnapshotShape {
  /** `process`, `window`: which operator's entries they are. */
  readonly kind: string
  /** Sets of declared state, in the order in which they are written. */
  readonly tables: readonly StateDescriptors[]
  /** Version of the values' serializer. */
  readonly version: number
}

/** Writes all keys of `keys`, dealt out to their key groups. */
export function writeKeyGroups(
  keys: KeyTable,
  shape: SnapshotShape,
  writeEntry: (slot: number, out: BinaryWriter) => void,
): Map<number, Uint8Array> {
  const groups = new Map<number, { count: number; entries: BinaryWriter }>()
  for (const slot of keys.slots()) {
    const keyGroup = keys.keyGroupAt(slot)
    let group = groups.get(keyGroup)
    if (group === undefined) {
      group = { count: 0, entries: new BinaryWriter(4096) }
      groups.set(keyGroup, group)
    }
    group.count++
    valueSerializer.write(keys.keyAt(slot), group.entries)
    writeEntry(slot, group.entries)
  }
  const shapeText = describeShape(shape)
  const parts = new Map<number, Uint8Array>()
  for (const [keyGroup, { count, entries }] of groups) {
    const body = new BinaryWriter(entries.length + 256)
    body.string(shapeText)
    body.varint(valueSerializer.version)
    body.varint(shape.version)
    body.varint(count)
    body.bytes(entries.finish())
    parts.set(keyGroup, frame(body.finish()))
  }
  return parts
}

/** Adds the keys of one key group to `keys`; `readEntry` reads what `writeEntry` wrote. */
export function readKeyGroup(
  bytes: Uint8Array,
  keys: KeyTable,
  shape: SnapshotShape,
  readEntry: (slot: number, input: BinaryReader, version: number) => void,
): void {
  const body = unframe(bytes)
  const written = body.string()
  const expected = describeShape(shape)
  if (written !== expected) {
    throw new MillraceError('STATE_SHAPE_CHANGED', {
      message: `The snapshot holds the state of: ${written}. This operator declares: ${expected}.`,
      fix: 'Restore with the state that the snapshot was taken with, or give the operator a new uid to start empty.',
    })
  }
  const keyVersion = body.varint()
  const version = body.varint()
  if (keyVersion > valueSerializer.version || version > shape.version) {
    throw new MillraceError('STATE_VERSION_UNKNOWN', {
      message: `The snapshot was written by a newer version of Millrace (values ${version}, known up to ${shape.version}).`,
      fix: 'Run the job with that version, or restore from an earlier checkpoint.',
    })
  }
  const count = body.varint()
  const entries = new BinaryReader(body.bytes())
  for (let i = 0; i < count; i++) readEntry(keys.slotOf(valueSerializer.read(entries, keyVersion)), entries, version)
}

function describeShape(shape: SnapshotShape): string {
  const tables = shape.tables.map((table) =>
    Object.entries(table)
      .map(([name, descriptor]) => `${name} (${descriptor.kind})`)
      .join(', '),
  )
  return `${shape.kind}: ${tables.map((table) => table || 'nothing').join('; ')}`
}

function frame(body: Uint8Array): Uint8Array {
  const out = new BinaryWriter(body.byteLength + 32)
  out.uint32(MAGIC)
  out.byte(FORMAT_VERSION)
  out.bytes(body)
  out.uint32(crc32(body))
  return out.finish()
}

function unframe(bytes: Uint8Array): BinaryReader {
  const input = new BinaryReader(bytes)
  if (input.uint32() !== MAGIC) throw corrupt('it does not begin as one')
  const version = input.byte()
  if (version !== FORMAT_VERSION) throw corrupt(`its format version ${version} is unknown`)
  const body = input.bytes()
  if (input.uint32() !== crc32(body)) throw corrupt('its checksum is wrong')
  return new BinaryReader(body)
}

function corrupt(why: string): MillraceError {
  return new MillraceError('STATE_SNAPSHOT_CORRUPT', {
    message: `The state snapshot is damaged: ${why}.`,
    fix: 'Restore from an earlier checkpoint.',
  })
}
