// Keeps node_modules in step with the lock file. Plain JavaScript that runs on Node 20 with nothing installed.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npm, root, say } from './process.mjs'

const stamp = join(root, 'node_modules', '.millrace-install.json')

/**
 * Installs what the lock file names. `runtime`: what running Millrace takes, under a second from a warm cache;
 * `full`: the tools that build and test it as well. Does nothing when that has been done for this lock file.
 */
export async function install(level) {
  const lock = createHash('sha256')
    .update(await readFile(join(root, 'package-lock.json')))
    .digest('hex')
  const done = await readStamp()
  if (done.lock === lock && (done.level === 'full' || done.level === level)) return
  say(level === 'full' ? 'Installing packages and development tools …' : 'Installing packages …')
  const omit = level === 'full' ? [] : ['--omit=dev']
  // No package that we use needs an install script.
  await npm(['ci', ...omit, '--ignore-scripts', '--prefer-offline', '--loglevel=error'])
  await writeFile(stamp, `${JSON.stringify({ lock, level })}\n`)
}

async function readStamp() {
  try {
    return JSON.parse(await readFile(stamp, 'utf8'))
  } catch {
    return {}
  }
}
