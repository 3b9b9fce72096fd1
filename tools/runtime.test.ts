import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { copyEntry } from './runtime.mjs'

function tar(entries: readonly [string, Buffer][]): Buffer {
  const blocks = entries.flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(`${content.length.toString(8).padStart(11, '0')} `, 124)
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

async function* chunks(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test('one file is read out of an archive, however the archive is cut into chunks', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tar-'))
  try {
    const content = fc.uint8Array({ minLength: 1, maxLength: 3000 }).map((bytes) => Buffer.from(bytes))
    const others = fc.array(fc.tuple(fc.constantFrom('package/a', 'package/bin/other', 'package/'), content), {
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(
        others,
        content,
        others,
        fc.integer({ min: 1, max: 2000 }),
        async (before, wanted, after, size) => {
          const archive = tar([...before, ['package/bin/node', wanted], ...after])
          const path = join(folder, 'node')
          const file = await open(path, 'w')
          expect(await copyEntry(chunks(archive, size), 'package/bin/node', file)).toBe(true)
          await file.close()
          expect(wanted.equals(await readFile(path))).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
    const file = await open(join(folder, 'none'), 'w')
    expect(await copyEntry(chunks(tar([['package/a', Buffer.from('x')]]), 100), 'package/bin/node', file)).toBe(false)
    await file.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
