/**
 * XXH3, 64 bits, seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md): the hash that Kafka stores with a
 * group to see whether its topics have changed (KIP-1101). Inputs of less than 4 bytes do not occur.
 */
export function xxh3(input: Uint8Array): bigint {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const length = input.byteLength
  if (length <= 8) return short(view, length)
  if (length <= 16) return upTo16(view, length)
  if (length <= 128) return upTo128(view, length)
  if (length <= 240) return upTo240(view, length)
  return long(view, length)
}

const secretBytes = Buffer.from(
  'b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248ee035' +
    '90e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04b' +
    'cdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad0' +
    '31ce45cb3a8f95160428afd7fbcabb4b407e',
  'hex',
)
const secretView = new DataView(secretBytes.buffer, secretBytes.byteOffset, secretBytes.byteLength)
const secretLength = 192

const prime32 = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn] as const
const prime64 = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const
const mix1 = 0x165667919e3779f9n
const mix2 = 0x9fb21c651e98df25n
const mask32 = 0xffff_ffffn

const stripeBytes = 64
const stripesPerBlock = 16
const blockBytes = stripeBytes * stripesPerBlock

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)
const secret = (at: number): bigint => secretView.getBigUint64(at, true)
const rotateLeft = (value: bigint, by: bigint): bigint => u64(value << by) | (value >> (64n - by))

/** The halves of the 128-bit product, folded. */
function foldedProduct(a: bigint, b: bigint): bigint {
  const product = a * b
  return u64(product) ^ (product >> 64n)
}

function avalanche(hash: bigint): bigint {
  const mixed = u64((hash ^ (hash >> 37n)) * mix1)
  return mixed ^ (mixed >> 32n)
}

function swapBytes(value: bigint): bigint {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.readBigUInt64BE()
}

function short(input: DataView, length: number): bigint {
  const low = BigInt(input.getUint32(0, true))
  const high = BigInt(input.getUint32(length - 4, true))
  let hash = (high + (low << 32n)) ^ (secret(8) ^ secret(16))
  hash ^= rotateLeft(hash, 49n) ^ rotateLeft(hash, 24n)
  hash = u64(hash * mix2)
  hash ^= (hash >> 35n) + BigInt(length)
  hash = u64(hash * mix2)
  return hash ^ (hash >> 28n)
}

function upTo16(input: DataView, length: number): bigint {
  const low = input.getBigUint64(0, true) ^ secret(24) ^ secret(32)
  const high = input.getBigUint64(length - 8, true) ^ secret(40) ^ secret(48)
  return avalanche(u64(BigInt(length) + swapBytes(low) + high + foldedProduct(low, high)))
}

function mix16(input: DataView, at: number, secretAt: number): bigint {
  return foldedProduct(
    input.getBigUint64(at, true) ^ secret(secretAt),
    input.getBigUint64(at + 8, true) ^ secret(secretAt + 8),
  )
}

function upTo128(input: DataView, length: number): bigint {
  let hash = BigInt(length) * prime64[0]
  for (let i = Math.floor((length - 1) / 32); i >= 0; i--) {
    hash += mix16(input, 16 * i, 32 * i) + mix16(input, length - 16 * (i + 1), 32 * i + 16)
  }
  return avalanche(u64(hash))
}

function upTo240(input: DataView, length: number): bigint {
  let hash = BigInt(length) * prime64[0]
  for (let i = 0; i < 8; i++) hash += mix16(input, 16 * i, 16 * i)
  hash = avalanche(u64(hash))
  for (let i = 8; i < Math.floor(length / 16); i++) hash += mix16(input, 16 * i, 16 * (i - 8) + 3)
  return avalanche(u64(hash + mix16(input, length - 16, 119)))
}

function long(input: DataView, length: number): bigint {
  const lanes: bigint[] = [
    prime32[2],
    prime64[0],
    prime64[1],
    prime64[2],
    prime64[3],
    prime32[1],
    prime64[4],
    prime32[0],
  ]
  const blocks = Math.floor((length - 1) / blockBytes)
  for (let block = 0; block < blocks; block++) {
    for (let n = 0; n < stripesPerBlock; n++) addStripe(lanes, input, block * blockBytes + n * stripeBytes, n * 8)
    scramble(lanes)
  }
  const stripes = Math.floor((length - 1 - blockBytes * blocks) / stripeBytes)
  for (let n = 0; n < stripes; n++) addStripe(lanes, input, blocks * blockBytes + n * stripeBytes, n * 8)
  addStripe(lanes, input, length - stripeBytes, secretLength - stripeBytes - 7)
  let hash = BigInt(length) * prime64[0]
  for (let i = 0; i < 4; i++) {
    hash += foldedProduct(lane(lanes, 2 * i) ^ secret(11 + 16 * i), lane(lanes, 2 * i + 1) ^ secret(19 + 16 * i))
  }
  return avalanche(u64(hash))
}

function lane(lanes: readonly bigint[], i: number): bigint {
  return lanes[i] as bigint
}

function addStripe(lanes: bigint[], input: DataView, at: number, secretAt: number): void {
  for (let i = 0; i < 8; i++) {
    const data = input.getBigUint64(at + 8 * i, true)
    const key = data ^ secret(secretAt + 8 * i)
    lanes[i ^ 1] = u64(lane(lanes, i ^ 1) + data)
    lanes[i] = u64(lane(lanes, i) + (key & mask32) * (key >> 32n))
  }
}

function scramble(lanes: bigint[]): void {
  for (let i = 0; i < 8; i++) {
    const value = lane(lanes, i)
    lanes[i] = u64((value ^ (value >> 47n) ^ secret(secretLength - stripeBytes + 8 * i)) * prime32[0])
  }
}
