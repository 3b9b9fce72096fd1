// Finds or fetches Node 24. Plain JavaScript that runs on Node 20 with nothing installed.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, mkdir, mkdtemp, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { npm, root, SetupError, say } from './process.mjs'

const wantedMajor = 24

/**
 * The path of a Node that runs Millrace: this one when it is new enough, else the pinned registry package's binary.
 *
 * The package is not a dependency in package.json: of its 2,800 files one is needed, and npm takes 8 s to unpack them
 * where reading that one out of the archive takes 2 s.
 */
export async function findNode() {
  if (Number(process.versions.node.split('.')[0]) >= wantedMajor) return process.execPath
  const platform = `${process.platform}-${process.arch}`
  const pinned = JSON.parse(await readFile(join(root, 'tools/node.json'), 'utf8'))[platform]
  if (!pinned) {
    throw new SetupError(
      `Millrace needs Node ${wantedMajor} or later; this is ${process.version}, and no Node package is pinned for ${platform}.`,
      `Install Node ${wantedMajor} and run the command again.`,
    )
  }
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const target = join(root, '.cache', `node-${pinned.version}`, 'bin', name)
  if (!(await exists(target))) await fetchNode(pinned, name, target)
  return target
}

async function fetchNode(pinned, name, target) {
  say(`Fetching Node ${pinned.version} (this one is ${process.version}) …`)
  await mkdir(dirname(target), { recursive: true })
  const folder = await mkdtemp(join(root, '.cache', 'fetch-'))
  try {
    await npm([
      'pack',
      `${pinned.package}@${pinned.version}`,
      `--pack-destination=${folder}`,
      '--prefer-offline',
      '--loglevel=error',
    ])
    const archive = join(folder, (await readdir(folder))[0] ?? '')
    const unpacked = join(folder, name)
    await extract(archive, { entry: `package/bin/${name}`, target: unpacked, integrity: pinned.integrity })
    await rename(unpacked, target)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes one entry of a .tgz to `target`, after the archive's checksum was found right. */
async function extract(archive, { entry, target, integrity }) {
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(archive, { highWaterMark: 1 << 20 })) hash.update(chunk)
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    throw new SetupError(
      'The Node package that npm delivered has another checksum than the pinned one.',
      'Run `npm cache verify` and try again.',
    )
  }
  const file = await open(target, 'wx', 0o755)
  try {
    const input = createReadStream(archive, { highWaterMark: 1 << 20 }).pipe(createGunzip({ chunkSize: 1 << 20 }))
    if (!(await copyEntry(input, entry, file))) {
      throw new SetupError(
        `The Node package has no file ${entry}.`,
        `Install Node ${wantedMajor} and run the command again.`,
      )
    }
  } finally {
    await file.close()
  }
}

const block = 512

/** A tar archive is a row of entries: a header of one block (name at 0, size in octal at 124), then the content in whole blocks. */
export async function copyEntry(input, entry, file) {
  let pending = Buffer.alloc(0)
  let skip = 0
  let wanted = 0
  for await (const chunk of input) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (;;) {
      if (wanted > 0) {
        const part = pending.subarray(0, wanted)
        await file.write(part)
        wanted -= part.length
        pending = pending.subarray(part.length)
        if (wanted === 0) return true
        break
      }
      const skipped = Math.min(skip, pending.length)
      skip -= skipped
      pending = pending.subarray(skipped)
      if (skip > 0 || pending.length < block) break
      const name = pending.toString('latin1', 0, 100).replace(/\0.*$/s, '')
      const size = Number.parseInt(pending.toString('latin1', 124, 136), 8) || 0
      pending = pending.subarray(block)
      if (name === entry) wanted = size
      else skip = Math.ceil(size / block) * block
    }
  }
  return false
}

export function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  )
}
