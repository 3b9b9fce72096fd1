/**
 * Hand-written servers that do what the machine cannot do without, and nothing else: the limits for the broker. They
 * take the broker's own frames and answer with bytes that were made beforehand.
 */
import * as fs from 'node:fs'
import * as net from 'node:net'
import { join } from 'node:path'
import { crc32c } from '@millrace/kafka'

/**
 * `produce`: receives, checks the CRC-32C, writes, syncs (one fdatasync for all that wait), answers.
 * `echo`: one write to a file and one answer per request. `fetch`: reads 1 MiB of a file and sends it.
 */
export type BareKind = 'produce' | 'echo' | 'fetch'

/** Sizes that the load generator and the server agree on. */
export const bareFetchBytes = 1_048_576
const bareFileBytes = 268_435_456
const answer = Buffer.alloc(60)
answer.writeInt32BE(56)
/** Where the next write goes, over all connections: a log grows, and writing over what is there would cost less. */
let position = 0

export async function startBareServer(kind: BareKind, folder: string) {
  const fd = fs.openSync(join(folder, `bare-${kind}`), 'w+')
  if (kind === 'fetch') {
    const block = Buffer.alloc(bareFetchBytes, 'x')
    for (let at = 0; at < bareFileBytes; at += block.length) fs.writeSync(fd, block, 0, block.length, at)
  }
  const serve = { produce: serveProduce, echo: serveEcho, fetch: serveFetch }[kind]
  const server = net.createServer({ pauseOnConnect: true }, (accepted) => {
    // As std's network does: onread for an accepted socket.
    const handle = (accepted as unknown as { _handle: object | null })._handle
    ;(accepted as unknown as { _handle: object | null })._handle = null
    serve(handle as object, fd)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    close: async () => {
      server.close()
      fs.closeSync(fd)
    },
  }
}

function open(handle: object, buffer: () => Uint8Array, callback: (count: number) => void): net.Socket {
  const onread = {
    buffer,
    callback: (count: number) => {
      callback(count)
      return true
    },
  }
  const socket = new net.Socket({ handle, onread } as unknown as net.SocketConstructorOpts)
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.resume()
  return socket
}

/** Where the CRC-covered bytes of the one batch of a Produce request begin, counted from the batch's start. */
const crcCovers = 21

function serveProduce(handle: object, fd: number): void {
  const frame = Buffer.allocUnsafeSlow(2 * 1_048_576)
  let filled = 0
  let unsynced = 0
  let syncing = false
  const sync = () => {
    syncing = true
    const count = unsynced
    unsynced = 0
    fs.fdatasync(fd, () => {
      syncing = false
      for (let i = 0; i < count; i++) socket.write(answer)
      if (unsynced > 0) sync()
    })
  }
  const socket = open(
    handle,
    () => {
      const wanted = filled < 4 ? 4 : 4 + frame.readInt32BE(0)
      return frame.subarray(filled, wanted)
    },
    (count) => {
      filled += count
      if (filled < 4 || filled < 4 + frame.readInt32BE(0)) return
      // The load generator puts the batch last; its start is told in the correlation id.
      const batch = frame.readInt32BE(8)
      const stored = frame.readUInt32BE(batch + 17)
      if (crc32c(frame, batch + crcCovers, filled) !== stored) throw new Error('bad CRC')
      fs.writeSync(fd, frame, batch, filled - batch, position)
      position += filled - batch
      filled = 0
      unsynced++
      if (!syncing) sync()
    },
  )
}

function serveEcho(handle: object, fd: number): void {
  const chunk = Buffer.allocUnsafeSlow(262_144)
  let kept = 0
  const socket = open(
    handle,
    () => chunk.subarray(kept),
    (count) => {
      const end = kept + count
      let at = 0
      while (end - at >= 4) {
        const size = 4 + chunk.readInt32BE(at)
        if (at + size > end) break
        fs.writeSync(fd, chunk, at, size, position)
        position += size
        socket.write(Buffer.from(answer))
        at += size
      }
      chunk.copyWithin(0, at, end)
      kept = end - at
    },
  )
}

function serveFetch(handle: object, fd: number): void {
  const request = Buffer.allocUnsafeSlow(65_536)
  const buffers: Buffer[] = []
  let kept = 0
  let readAt = 0
  const socket = open(
    handle,
    () => request.subarray(kept),
    (count) => {
      const end = kept + count
      let at = 0
      while (end - at >= 4) {
        const size = 4 + request.readInt32BE(at)
        if (at + size > end) break
        const body = buffers.pop() ?? Buffer.allocUnsafeSlow(4 + bareFetchBytes)
        body.writeInt32BE(bareFetchBytes, 0)
        fs.readSync(fd, body, 4, bareFetchBytes, readAt)
        readAt = (readAt + bareFetchBytes) % bareFileBytes
        socket.write(body, () => buffers.push(body))
        at += size
      }
      request.copyWithin(0, at, end)
      kept = end - at
    },
  )
}
