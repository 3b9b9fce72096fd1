import { concatBytes } from '@millrace/std'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/codec/frame.ts'
import { MessageSchema } from '../../src/codec/schema.ts'
import { decodeStruct, defineStruct, encodeStruct, type StructInputOf, type StructOf } from '../../src/codec/struct.ts'
import {
  array,
  bigint64,
  boolean,
  bytes,
  float64,
  int8,
  int16,
  int32,
  int64,
  string,
  struct,
  uint16,
  uint32,
  uuid,
} from '../../src/codec/types.ts'
import { parseVersions } from '../../src/codec/versions.ts'
import { Writer } from '../../src/codec/writer.ts'
import { ApiVersions, ConsumerProtocolSubscription, Fetch, Metadata, Produce } from '../../src/definitions/index.ts'
import { comparable, message } from './random.ts'

const FLEXIBLE_FROM = 2

/** A struct that has one of everything; flexible from version 2 on. */
const Everything = defineStruct({
  name: 'Everything',
  versions: [0, 3],
  flexibleFrom: FLEXIBLE_FROM,
  fields: {
    byte: int8(),
    short: int16(),
    unsignedShort: uint16(),
    int: int32({ default: 7 }),
    unsignedInt: uint32(),
    long: int64(),
    large: bigint64(),
    double: float64(),
    flag: boolean(),
    id: uuid(),
    text: string({ nullable: '1+' }),
    blob: bytes({ nullable: true }),
    texts: array(string(), { nullable: '2+' }),
    ids: array(uuid()),
    strict: int32({ versions: '1+', default: -1 }),
    lenient: int32({ versions: '1+', default: -1, ignorable: true }),
    gone: string({ versions: '0-1', ignorable: true }),
    inner: struct({ a: int32({ default: 1 }), b: string({ versions: '3+', ignorable: true }) }, { nullable: '3+' }),
    tagged: string({ versions: '2+', tag: 1, ignorable: true }),
    taggedInner: struct({ a: int32({ default: 1 }) }, { versions: '2+', tag: 0 }),
    taggedList: array(int32(), { versions: '3+', nullable: '3+', tag: 300, ignorable: true }),
    taggedFlag: boolean({ versions: '3+', tag: 4, default: true, ignorable: true }),
    taggedBlob: bytes({ versions: '3+', tag: 5, ignorable: true }),
    taggedId: uuid({ versions: '3+', tag: 6, ignorable: true }),
  },
})

const base = {
  byte: -1,
  short: -2,
  unsignedShort: 65535,
  unsignedInt: 4294967295,
  long: -(2 ** 53) + 1,
  large: -(2n ** 63n),
  double: -0.5,
  flag: true,
  id: new Uint8Array(16).fill(9),
  text: 'é',
  blob: new Uint8Array([1]),
  texts: ['a', ''],
  ids: [new Uint8Array(16).fill(8)],
  inner: {},
}

const refused = (text: string) =>
  expect.objectContaining({ name: 'ProtocolError', message: expect.stringContaining(text) })

describe('every type', () => {
  it.each([0, 1, 2, 3])('comes back in version %i', (version) => {
    fc.assert(
      fc.property(message(Everything.schema.fields, version), (given) => {
        const { value } = decodeStruct(Everything, encodeStruct(Everything, version, given as never))
        expect(comparable(value)).toMatchObject(comparable(given) as object)
      }),
    )
  })

  it('has the bytes that Kafka gives it', () => {
    expect(Buffer.from(encodeStruct(Everything, 1, base)).toString('hex')).toBe(
      [
        '0001',
        'ff fffe ffff 00000007 ffffffff ffe0000000000001 8000000000000000 bfe0000000000000 01',
        '09090909090909090909090909090909',
        '0002c3a9 0000000101 00000002 000161 0000 00000001 08080808080808080808080808080808',
        'ffffffff ffffffff 0000 00000001',
      ]
        .join('')
        .replaceAll(' ', ''),
    )
  })

  it('has the types that the definition says', () => {
    type Decoded = StructOf<typeof Everything>
    expectTypeOf<Decoded['text']>().toEqualTypeOf<string | null>()
    expectTypeOf<Decoded['large']>().toEqualTypeOf<bigint>()
    expectTypeOf<Decoded['long']>().toEqualTypeOf<number>()
    expectTypeOf<Decoded['texts']>().toEqualTypeOf<string[] | null>()
    expectTypeOf<Decoded['ids']>().toEqualTypeOf<Uint8Array[]>()
    expectTypeOf<Decoded['inner']>().toEqualTypeOf<Readonly<{ a: number; b: string }> | null>()
    type Input = StructInputOf<typeof Everything>
    expectTypeOf<Input['strict']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<Input['short']>().toEqualTypeOf<number>()
    // @ts-expect-error a field without a default must be given
    const incomplete: Input = { byte: 1 }
    expect(incomplete).toBeDefined()
  })
})

describe('a struct that may be null', () => {
  const Nullable = defineStruct({
    name: 'Nullable',
    versions: [0, 0],
    flexibleFrom: 0,
    fields: {
      plain: struct({ a: int8() }, { nullable: true }),
      tagged: struct({ a: int8() }, { nullable: true, tag: 3 }),
    },
  })

  it.each([
    ['null', { plain: null, tagged: null }, '0000 ff 01 03 01 00'],
    ['there', { plain: { a: 5 }, tagged: { a: 6 } }, '0000 01 05 00 01 03 03 01 06 00'],
    ['left out where it is tagged', { plain: { a: 5 }, tagged: { a: 0 } }, '0000 01 05 00 00'],
  ])('is marked as in Kafka when it is %s', (_, value, hex) => {
    const bytes = encodeStruct(Nullable, 0, value)
    expect(Buffer.from(bytes).toString('hex')).toBe(hex.replaceAll(' ', ''))
    expect(decodeStruct(Nullable, bytes).value).toEqual(value)
  })
})

describe('defaults', () => {
  it('stand for what was not given', () => {
    const { value } = decodeStruct(Everything, encodeStruct(Everything, 3, {} as never))
    expect(comparable(value)).toEqual(
      comparable({
        byte: 0,
        short: 0,
        unsignedShort: 0,
        int: 7,
        unsignedInt: 0,
        long: 0,
        large: 0n,
        double: 0,
        flag: false,
        id: new Uint8Array(16),
        text: '',
        blob: new Uint8Array(0),
        texts: [],
        ids: [],
        strict: -1,
        lenient: -1,
        gone: '',
        inner: { a: 1, b: '' },
        tagged: '',
        taggedInner: { a: 1 },
        taggedList: [],
        taggedFlag: true,
        taggedBlob: new Uint8Array(0),
        taggedId: new Uint8Array(16),
      }),
    )
  })

  it('give every version the same members in the same order', () => {
    const names = [0, 1, 2, 3].map((version) =>
      Object.keys(decodeStruct(Everything, encodeStruct(Everything, version, base)).value),
    )
    for (const keys of names) expect(keys).toEqual(Object.keys(Everything.schema.fields))
  })
})

describe('a field that the version cannot carry', () => {
  it('is refused when it is not ignorable and not its default', () => {
    expect(() => encodeStruct(Everything, 0, { ...base, strict: 5 })).toThrow(
      refused('Everything v0: strict: this version cannot carry the field'),
    )
    expect(() => encodeStruct(Everything, 1, { ...base, taggedInner: { a: 2 } })).toThrow(refused('taggedInner'))
  })

  it('may be given as its default', () => {
    const plain = encodeStruct(Everything, 0, base)
    expect(encodeStruct(Everything, 0, { ...base, strict: -1 })).toEqual(plain)
    expect(encodeStruct(Everything, 0, { ...base, taggedInner: { a: 1 } })).toEqual(plain)
    const { value } = decodeStruct(Everything, plain)
    expect(encodeStruct(Everything, 0, value)).toEqual(plain)
  })

  it('is dropped when it is ignorable', () => {
    const dropped = encodeStruct(Everything, 0, { ...base, lenient: 5, tagged: 'x' })
    expect(dropped).toEqual(encodeStruct(Everything, 0, base))
    expect(encodeStruct(Everything, 2, { ...base, gone: 'x' })).toEqual(encodeStruct(Everything, 2, base))
  })
})

describe('null', () => {
  it('is written where the version allows it', () => {
    const given = { ...base, text: null, blob: null, texts: null, inner: null, taggedList: null }
    expect(decodeStruct(Everything, encodeStruct(Everything, 3, given)).value).toMatchObject({
      text: null,
      blob: null,
      texts: null,
      inner: null,
      taggedList: null,
    })
  })

  it('is refused where it does not, both ways', () => {
    expect(() => encodeStruct(Everything, 0, { ...base, text: null })).toThrow(refused('text: null'))
    expect(() => encodeStruct(Everything, 1, { ...base, texts: null })).toThrow(refused('texts: null'))
    expect(() => encodeStruct(Everything, 2, { ...base, inner: null })).toThrow(refused('inner'))
    const nullTopic = Buffer.from('00000001ffff', 'hex')
    expect(() => decodeRequest(Metadata, 1, nullTopic, 0)).toThrow(
      refused('MetadataRequest v1: topics[0].name: null, which this version does not allow (at byte 6)'),
    )
  })
})

describe('values', () => {
  it.each([
    ['byte', 128],
    ['short', -32769],
    ['unsignedShort', -1],
    ['int', 1.5],
    ['int', 2 ** 31],
    ['int', Number.NaN],
    ['int', '1'],
    ['unsignedInt', 2 ** 32],
    ['long', 2 ** 53],
    ['large', 2n ** 63n],
    ['large', 1],
    ['double', '1'],
    ['flag', 1],
    ['id', new Uint8Array(15)],
    ['text', 5],
    ['text', 'x'.repeat(32768)],
    ['blob', 'x'],
    ['blob', new DataView(new ArrayBuffer(4))],
    ['texts', [5]],
    ['ids', 5],
    ['texts', 'ab'],
    ['inner', 5],
    ['inner', { a: 5n }],
  ])('of %s cannot be %s', (name, value) => {
    const given = { ...base, [name]: value }
    for (const version of [1, 3]) {
      expect(() => encodeStruct(Everything, version, given as never)).toThrow(
        expect.objectContaining({ code: 'PROTOCOL_NOT_ENCODABLE', field: expect.stringMatching(`^${name}`) }),
      )
    }
  })

  it('of int64 that a number cannot hold are refused by the reader', () => {
    const One = defineStruct({ name: 'One', versions: [0, 0], flexibleFrom: 1, fields: { long: int64() } })
    const read = (hex: string) => decodeStruct(One, Buffer.from(`0000${hex}`, 'hex')).value.long
    expect(read('001fffffffffffff')).toBe(Number.MAX_SAFE_INTEGER)
    expect(read('ffe0000000000001')).toBe(Number.MIN_SAFE_INTEGER)
    expect(read('00000000ffffffff')).toBe(4294967295)
    expect(read('ffffffff00000000')).toBe(-4294967296)
    for (const hex of ['0020000000000000', 'ffe0000000000000', '7fffffffffffffff', '8000000000000000']) {
      expect(() => read(hex)).toThrow(refused('is out of range'))
    }
  })

  it('of text may be of any length up to the limit, in any alphabet', () => {
    for (const unit of ['a', 'é', '語', '😀']) {
      for (const length of [0, 1, 47, 48, 49, 126, 127, 128, 5000]) {
        const text = unit.repeat(length)
        for (const version of [1, 3]) {
          expect(decodeStruct(Everything, encodeStruct(Everything, version, { ...base, text })).value.text).toBe(text)
        }
      }
    }
    const most = 'x'.repeat(32767)
    expect(decodeStruct(Everything, encodeStruct(Everything, 3, { ...base, text: most })).value.text).toBe(most)
  })

  it('of text that was seen before are told apart', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 4, unit: fc.constantFrom('a', 'b', '\0', '~') }), { maxLength: 50 }),
        (texts) => {
          expect(decodeStruct(Everything, encodeStruct(Everything, 1, { ...base, texts })).value.texts).toEqual(texts)
        },
      ),
    )
  })
})

describe('tagged fields', () => {
  const written = (value: object) => encodeStruct(Everything, 3, { ...base, ...value })

  it('are written in the order of their tags, and only when they differ from their defaults', () => {
    const none = Buffer.from(written({})).toString('hex')
    expect(none.endsWith('00')).toBe(true)
    const tags = (value: object) =>
      Buffer.from(written(value))
        .toString('hex')
        .slice(none.length - 2)
    expect(tags({ tagged: 'x', taggedInner: { a: 2 } })).toBe('02 00050000000200 01020278'.replaceAll(' ', ''))
    expect(tags({ taggedFlag: true, tagged: '', taggedBlob: new Uint8Array(0), taggedId: new Uint8Array(16) })).toBe(
      '00',
    )
    expect(tags({ taggedFlag: false, taggedList: [] })).toBe('01040100')
    expect(tags({ taggedList: [1] })).toBe('01 ac02 05 02 00000001'.replaceAll(' ', ''))
    expect(tags({ taggedList: null })).toBe('01 ac02 01 00'.replaceAll(' ', ''))
  })

  it.each([1, 30, 31, 32, 4000, 4095, 4096, 20_000, 600_000])('may be large: %i elements', (count) => {
    const taggedList = Array.from({ length: count }, (_, i) => i)
    const { value } = decodeStruct(Everything, written({ tagged: 'before', taggedList }))
    expect(value.tagged).toBe('before')
    expect(value.taggedList).toEqual(taggedList)
  })

  it.each([
    [127, '7f'],
    [128, '8001'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2_097_151, 'ffff7f'],
    [2_097_152, '80808001'],
  ])('may have a size of just %i', (size, encodedSize) => {
    const List = defineStruct({
      name: 'List',
      versions: [0, 0],
      flexibleFrom: 0,
      fields: { blobs: array(bytes(), { tag: 0 }), last: int32({ tag: 1 }) },
    })
    const prefix = size < 129 ? 1 : size < 16_385 ? 2 : 3
    // Version, count and number of the tags, the size itself, then the count of blobs and the prefix of the only one.
    const given = { blobs: [new Uint8Array(size - 1 - prefix).fill(7)], last: 5 }
    const written = Buffer.from(encodeStruct(List, 0, given))
    expect(written.toString('hex', 0, 12)).toMatch(new RegExp(`^00000200${encodedSize}02`))
    expect(comparable(decodeStruct(List, written).value)).toEqual(comparable(given))
  })

  it('that are unknown are skipped', () => {
    const body = Buffer.from(encodeStruct(Everything, 3, base))
    const extended = Buffer.concat([
      body.subarray(0, -1),
      Buffer.from('02 02 03 aabbcc 04 01 00'.replaceAll(' ', ''), 'hex'),
    ])
    expect(decodeStruct(Everything, extended).value).toEqual({
      ...decodeStruct(Everything, body).value,
      taggedFlag: false,
    })
  })

  it('that are cut off by the end of the frame are refused', () => {
    const One = defineStruct({
      name: 'One',
      versions: [0, 0],
      flexibleFrom: 0,
      fields: { large: bigint64({ tag: 0 }) },
    })
    expect(() => decodeStruct(One, Buffer.from('000001 00 02 aabb'.replaceAll(' ', ''), 'hex'))).toThrow(
      refused('One v0: large: needs 8 more bytes, 2 are left (at byte 5)'),
    )
  })

  it('that do not fill their size are refused', () => {
    const body = Buffer.from(encodeStruct(Everything, 3, base))
    const extended = Buffer.concat([body.subarray(0, -1), Buffer.from('010402 00 00'.replaceAll(' ', ''), 'hex')])
    expect(() => decodeStruct(Everything, extended)).toThrow(refused('taggedFlag: a tagged field ends -1 bytes off'))
  })
})

describe('records', () => {
  const request = (records: Uint8Array | readonly Uint8Array[]) =>
    encodeRequest(
      Produce,
      9,
      { correlationId: 1, clientId: 'c' },
      {
        acks: 1,
        timeoutMs: 1,
        topicData: [
          {
            name: 't',
            partitionData: [
              { index: 0, records },
              { index: 1, records: null },
            ],
          },
        ],
      },
    )

  it('go through without a copy when they are large', () => {
    const large = new Uint8Array(1024).fill(1)
    const parts = request(large)
    expect(parts).toHaveLength(3)
    expect(parts[1]).toBe(large)
    expect(request(new Uint8Array(1023))).toHaveLength(1)
  })

  it('may come in pieces', () => {
    const pieces = [
      new Uint8Array(1500).fill(1),
      new Uint8Array(10).fill(2),
      new Uint8Array(0),
      new Uint8Array(2000).fill(3),
    ]
    expect(concatBytes(request(pieces))).toEqual(concatBytes(request(concatBytes(pieces))))
    expect(request(pieces)[1]).toBe(pieces[0])
    expect(request(pieces)[3]).toBe(pieces[3])
  })

  it('are views of the frame that they came in', () => {
    const body = {
      responses: [
        {
          topic: 't',
          partitions: [
            { partitionIndex: 0, highWatermark: 1, abortedTransactions: null, records: new Uint8Array(5000) },
          ],
        },
      ],
    }
    const frame = Buffer.from(concatBytes(encodeResponse(Fetch, 12, 1, body))).subarray(4)
    const records = decodeResponse(Fetch, 12, frame).body.responses[0]?.partitions[0]?.records
    expect(records?.buffer).toBe(frame.buffer)
    expect(records?.byteLength).toBe(5000)
  })
})

describe('frames', () => {
  it('stay as they are while others are written', () => {
    const body = (i: number) => ({ topics: [{ name: `topic-${i}-${'x'.repeat(i % 97)}` }] })
    const encode = (i: number) => encodeRequest(Metadata, 9, { correlationId: i, clientId: 'c' }, body(i))
    const frames = Array.from({ length: 3000 }, (_, i) => encode(i))
    for (const [i, parts] of frames.entries()) {
      const frame = Buffer.from(concatBytes(parts)).subarray(4)
      expect(frame.readInt32BE(4)).toBe(i)
      expect(decodeRequest(Metadata, 9, frame, 12).topics?.[0]?.name).toBe(body(i).topics[0]?.name)
    }
  })

  it('are the same wherever in a slab they are written', () => {
    const given = {
      ...base,
      tagged: 'x',
      taggedInner: { a: 2 },
      taggedFlag: false,
      taggedId: new Uint8Array(16).fill(1),
    }
    const expected = encodeStruct(Everything, 3, given).subarray(2)
    for (let room = 0; room <= expected.length; room++) {
      const writer = new Writer()
      writer.position = writer.bytes.length - room
      writer.begin()
      Everything.schema.encode(writer, 3, given)
      expect(writer.finishCopy(), `${room} bytes left`).toEqual(expected)
    }
  })

  it('leave nothing behind when they fail', () => {
    const writer = new Writer()
    writer.begin()
    const before = writer.position
    expect(() => Everything.schema.encode(writer, 3, { ...base, taggedFlag: 'no' })).toThrow(refused('taggedFlag'))
    expect(writer.position).toBe(before)
    expect(() => Everything.schema.encode(writer, 9, base)).toThrow(refused('unknown'))
    expect(writer.position).toBe(before)
  })

  it('may be larger than a slab', () => {
    const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `a-topic-of-some-length-${i}` }))
    const frame = Buffer.from(concatBytes(encodeRequest(Metadata, 1, { correlationId: 1, clientId: null }, { topics })))
    expect(frame.readInt32BE(0)).toBe(frame.length - 4)
    const names = decodeRequest(Metadata, 1, frame.subarray(4), 10).topics?.map(({ name }) => name)
    expect(names).toEqual(topics.map(({ name }) => name))
  })

  it('may be followed by bytes that nobody asked for', () => {
    expect(decodeRequest(ApiVersions, 0, Buffer.from('cafe', 'hex'), 0)).toMatchObject({ clientSoftwareName: '' })
  })
})

describe('versions', () => {
  it('that are unknown are refused', () => {
    const code = 'PROTOCOL_UNSUPPORTED_VERSION'
    for (const version of [-1, 14, 1.5, Number.NaN]) {
      expect(() => decodeRequest(Metadata, version, Buffer.alloc(9), 0)).toThrow(expect.objectContaining({ code }))
      expect(() => decodeResponse(Metadata, version, Buffer.alloc(9))).toThrow(expect.objectContaining({ code }))
      expect(() => encodeResponse(Metadata, version, 1, { brokers: [], topics: [] })).toThrow(
        expect.objectContaining({ code }),
      )
    }
    expect(() => decodeStruct(Everything, Buffer.from('0004', 'hex'))).toThrow(
      refused('Everything v4: this version is unknown; 0 to 3 are supported'),
    )
    expect(() => decodeStruct(Everything, Buffer.from('00', 'hex'))).toThrow(refused('the leading version is missing'))
  })

  it('that are newer are read as the newest where the struct says so', () => {
    const known = Buffer.from(encodeStruct(ConsumerProtocolSubscription, 3, { topics: ['t'], rackId: 'r' }))
    const newer = Buffer.concat([Buffer.from('0009', 'hex'), known.subarray(2), Buffer.from('more')])
    expect(decodeStruct(ConsumerProtocolSubscription, newer)).toEqual({
      version: 9,
      value: decodeStruct(ConsumerProtocolSubscription, known).value,
    })
    const negative = Buffer.concat([Buffer.from('ffff', 'hex'), known.subarray(2)])
    expect(() => decodeStruct(ConsumerProtocolSubscription, negative)).toThrow(refused('this version is unknown'))
  })

  it('are written as in Kafka', () => {
    expect(parseVersions('3+')).toEqual({ from: 3, to: Number.POSITIVE_INFINITY })
    expect(parseVersions('3-7')).toEqual({ from: 3, to: 7 })
    expect(parseVersions('3')).toEqual({ from: 3, to: 3 })
    for (const text of ['', 'x', '3-', '+3', '3+7']) expect(() => parseVersions(text)).toThrow(TypeError)
  })
})

describe('definitions', () => {
  it('cannot smuggle code into what is compiled', () => {
    const fields = { 'a; process.exit(1)': int32() }
    const schema = new MessageSchema('Bad', [0, 0], 1, fields)
    expect(() => encodeStruct({ name: 'Bad', versions: [0, 0], schema, readsNewer: false }, 0, {} as never)).toThrow(
      "'a; process.exit(1)' cannot be the name of a field.",
    )
    const evil = defineStruct({ name: 'Evil', versions: [0, 0], flexibleFrom: 1, fields: { constructor: int32() } })
    expect(decodeStruct(evil, encodeStruct(evil, 0, { constructor: 5 } as never)).value).toEqual({ constructor: 5 })
  })
})
