import { fileSink, type FileSinkOptions, fileSource, json, text } from '@millrace/connectors'
import { collectSink, executeJob, job, type JobHandle, schema, type Sink, type Source } from '@millrace/engine'
import { bytesToString, type FileSystem, hostSystem, type System, utf8 } from '@millrace/std'
import { ManualClock, MemoryFileSystem } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

function files(contents: Record<string, string> = {}): FileSystem {
  const fs = new MemoryFileSystem({ clock: hostSystem.clock })
  for (const [path, content] of Object.entries(contents)) append(fs, path, content)
  return fs
}

function append(fs: FileSystem, path: string, content: string): void {
  fs.makeDirectory(path.slice(0, path.lastIndexOf('/')) || '.')
  const file = fs.open(path, 'create')
  file.write(utf8(content), file.size())
  file.close()
}

const read = (fs: FileSystem, path: string) => bytesToString(fs.readFile(path))

async function recordsOf<T>(fileSystem: FileSystem, source: Source<T>, parallelism = 1): Promise<T[]> {
  const sink = collectSink<T>()
  const handle = await executeJob(
    job('read', (env) => void env.fromSource(source).sinkTo(sink)),
    {
      system: { ...hostSystem, fileSystem },
      parallelism,
    },
  )
  await handle.result
  return [...sink.values]
}

describe('fileSource()', () => {
  it('reads lines, whatever they end with', async () => {
    const fs = files({ 'in/a.txt': 'one\r\ntwo\n\nvier Ä\nlast' })
    expect(await recordsOf(fs, fileSource({ path: 'in/a.txt' }))).toEqual(['one', 'two', '', 'vier Ä', 'last'])
  })

  it('reads the files of a folder, each by one subtask', async () => {
    const fs = files({ 'in/b': 'b1\nb2\n', 'in/a': 'a1\n', 'in/c': '', 'in/.hidden': 'no\n' })
    expect(await recordsOf(fs, fileSource({ path: 'in' }))).toEqual(['a1', 'b1', 'b2'])
    expect((await recordsOf(fs, fileSource({ path: 'in' }), 3)).toSorted()).toEqual(['a1', 'b1', 'b2'])
  })

  it('cuts any text into the lines that it has', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'ß', '😀', ' ', '\t'), maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(line, fc.constant('x'.repeat(70_000))), { maxLength: 12 }), async (lines) => {
        const fs = files({ 'in/a': lines.map((each) => `${each}\n`).join('') })
        expect(await recordsOf(fs, fileSource({ path: 'in/a' }))).toEqual(lines)
      }),
      { numRuns: 30 },
    )
  })

  it('reads many short lines', async () => {
    const lines = Array.from({ length: 50_000 }, (_, i) => `${i}`)
    expect(await recordsOf(files({ 'in/a': lines.join('\n') }), fileSource({ path: 'in/a' }))).toEqual(lines)
  })

  it('parses lines into columns where the format knows its fields', async () => {
    const bid = schema({ auction: 'int64', channel: 'string' })
    const source = fileSource({ path: 'in/bids', format: json(bid) })
    const fs = files({ 'in/bids': '{"auction":1,"channel":"web"}\n{"channel":"app","auction":2}\n' })
    expect(source.schema?.fields.map(({ name }) => name)).toEqual(['auction', 'channel'])
    expect(await recordsOf(fs, source)).toEqual([
      { auction: 1, channel: 'web' },
      { auction: 2, channel: 'app' },
    ])
  })

  it('says where a line is that does not fit, or leaves it out', async () => {
    const bid = schema({ auction: 'int64' })
    for (const format of [json(bid), json<{ auction: number }>()]) {
      const fs = files({ 'in/bids': '{"auction":1}\nnot json\n{"auction":3}\n' })
      const failing = recordsOf(fs, fileSource({ path: 'in/bids', format }))
      await expect(failing).rejects.toMatchObject({ code: 'FILE_BAD_LINE' })
      await expect(failing).rejects.toThrow("The line at byte 14 of 'in/bids'")
      const skipping = await recordsOf(fs, fileSource({ path: 'in/bids', format, onBadLine: 'skip' }))
      expect(skipping).toEqual([{ auction: 1 }, { auction: 3 }])
    }
  })

  it('names the file and the byte of a record that a function could not take', async () => {
    const fs = files({ 'in/bids': '{"auction":1}\nbad\n{"auction":3}\n' })
    const source = fileSource({ path: 'in/bids', format: json(schema({ auction: 'int64' })), onBadLine: 'skip' })
    const definition = job('failing', (env) => {
      env
        .fromSource(source)
        .map(({ auction }) => {
          if (auction === 3) throw new Error('no')
          return auction
        })
        .sinkTo(collectSink())
    })
    const handle = await executeJob(definition, { system: { ...hostSystem, fileSystem: fs } })
    await expect(handle.result).rejects.toMatchObject({ record: 'file in/bids, byte 18' })
  })

  it('refuses a file that is not there and a line that has no end', async () => {
    const fs = files({ 'in/a': 'x'.repeat(300_000) })
    await expect(recordsOf(fs, fileSource({ path: 'in/b' }))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' })
    await expect(recordsOf(fs, fileSource({ path: 'in/a', maxLineBytes: 200_000 }))).rejects.toMatchObject({
      code: 'FILE_LINE_TOO_LONG',
    })
    expect(() => fileSource({ path: 'a', folow: true } as never)).toThrow("no option 'folow'")
  })

  it('follows files that grow and folders that get new ones', async () => {
    const clock = new ManualClock()
    const fs = files({ 'in/a': 'a1\na2' })
    const system: System = { ...hostSystem, fileSystem: fs, clock, timers: clock }
    const sink = collectSink<string>()
    const source = fileSource({ path: 'in', follow: true, pollInterval: 100, discoveryInterval: 1000 })
    const starting = executeJob(
      job('follow', (env) => void env.fromSource(source).sinkTo(sink)),
      { system, parallelism: 2 },
    )
    await clock.settle()
    const handle: JobHandle = await starting
    expect(sink.values).toEqual(['a1'])
    append(fs, 'in/a', '...')
    await clock.advanceAsync(100)
    expect(sink.values).toEqual(['a1'])
    append(fs, 'in/a', 'more\n')
    append(fs, 'in/b', 'b1\n')
    await clock.advanceAsync(100)
    expect(sink.values).toEqual(['a1', 'a2...more'])
    await clock.advanceAsync(1000)
    expect(sink.values).toEqual(['a1', 'a2...more', 'b1'])
    const canceling = handle.cancel()
    await clock.settle()
    await canceling
    expect(clock.pending).toBe(0)
  })
})

describe('fileSink()', () => {
  async function write<T>(fs: FileSystem, records: readonly T[], options: FileSinkOptions<T>, parallelism = 1) {
    const definition = job('write', (env) => {
      env
        .fromCollection(records, { parallelism: 1 })
        .rebalance()
        .sinkTo(fileSink(options as never) as unknown as Sink<T>)
    })
    const handle = await executeJob(definition, { system: { ...hostSystem, fileSystem: fs }, parallelism })
    await handle.result
  }

  it('appends lines', async () => {
    const fs = files({ 'out/lines': 'before\n' })
    await write(fs, ['one', 'zwei Ä'], { path: 'out/lines' })
    expect(read(fs, 'out/lines')).toBe('before\none\nzwei Ä\n')
    await write(fs, [{ a: 1 }], { path: 'new/folder/lines', format: json() as never })
    expect(read(fs, 'new/folder/lines')).toBe('{"a":1}\n')
  })

  it('begins a new line after half a line', async () => {
    const fs = files({ 'out/lines': 'half' })
    await write(fs, ['whole'], { path: 'out/lines', format: text() })
    expect(read(fs, 'out/lines')).toBe('half\nwhole\n')
  })

  it('writes a file per subtask', async () => {
    const fs = files()
    const records = Array.from({ length: 30_000 }, (_, i) => `record ${i}`)
    await write(fs, records, { path: 'out/lines' }, 2)
    const written = ['out/lines.0', 'out/lines.1'].map((path) => read(fs, path).trimEnd().split('\n'))
    expect(written.map((lines) => lines.length)).toEqual([15_000, 15_000])
    expect(written.flat().toSorted()).toEqual(records.toSorted())
  })

  it('fails the job when the disk does', async () => {
    const fs = files({ 'out/lines/is-a-folder': '' })
    await expect(write(fs, ['x'], { path: 'out/lines' })).rejects.toMatchObject({
      code: 'FILE_CANNOT_WRITE',
      message: expect.stringContaining('out/lines'),
    })
  })

  it('refuses what its format cannot write', async () => {
    await expect(write(files(), [5] as never, { path: 'out/lines' })).rejects.toMatchObject({
      code: 'FORMAT_BAD_VALUE',
      record: 'record 0 of the collection',
    })
  })
})
