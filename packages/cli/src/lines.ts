const newline = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts a stream of bytes into lines, as many at a time as a chunk completes. `\n` and `\r\n` end a line; so does the
 * end of the stream, unless nothing follows the last `\n`.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let pending: Uint8Array[] = []
  for await (const chunk of chunks) {
    const lines: Uint8Array[] = []
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const rest = chunk.subarray(start, end)
      lines.push(withoutReturn(pending.length === 0 ? rest : Buffer.concat([...pending, rest])))
      pending = []
      start = end + 1
    }
    if (start < chunk.length) pending.push(chunk.subarray(start))
    if (lines.length > 0) yield lines
  }
  if (pending.length > 0) yield [withoutReturn(Buffer.concat(pending))]
}

function withoutReturn(line: Uint8Array): Uint8Array {
  return line.at(-1) === carriageReturn ? line.subarray(0, -1) : line
}

/** Cuts `line` at the first `separator`: key and value; no key when it has none. */
export function splitKey(line: Uint8Array, separator: Uint8Array): { key: Uint8Array | undefined; value: Uint8Array } {
  const cut = Buffer.from(line.buffer, line.byteOffset, line.byteLength).indexOf(separator)
  if (cut < 0) return { key: undefined, value: line }
  return { key: line.subarray(0, cut), value: line.subarray(cut + separator.length) }
}

/** The same items until `signal` aborts: then the iteration ends, also while it waits for the next one. */
export async function* until<T>(signal: AbortSignal, items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  let abort = () => {}
  const onAbort = () => abort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!signal.aborted) {
      // A promise of its own for each item: a race against one that lasts would keep all items until the end.
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        abort = () => resolve(undefined)
        iterator.next().then(resolve, reject)
      })
      if (next === undefined || next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Not awaited: an iterator that waits for input answers only when some has come.
    void iterator.return?.()
  }
}
