// Keeps node_modules in step with the lock file. Plain JavaScript that runs on Node 20 with nothing installed.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { npm, root, say } from './process.mjs'

/**
 * Installs what the lock file names. `runtime`: what running Millrace takes, under a second from a warm cache;
 * `full`: the tools that build and test it as well. Does nothing when that is there.
 */
export async function install(level) {
  const [wanted, present] = await Promise.all([
    readPackages(join(root, 'package-lock.json')),
    // npm writes down what it has put there, as the last thing that it does.
    readPackages(join(root, 'node_modules', '.package-lock.json')).catch(() => ({})),
  ])
  if (isComplete(wanted, present, level)) return
  say(level === 'full' ? 'Installing packages and development tools …' : 'Installing packages …')
  const omit = level === 'full' ? [] : ['--omit=dev']
  // No package that we use needs an install script.
  await npm(['ci', ...omit, '--ignore-scripts', '--prefer-offline', '--loglevel=error'])
}

async function readPackages(path) {
  return JSON.parse(await readFile(path, 'utf8')).packages
}

/**
 * Whether all packages of the lock file are present in their versions. Optional ones are not asked for: most of them
 * are for other systems.
 */
export function isComplete(wanted, present, level) {
  return Object.entries(wanted).every(([path, { version, link, dev, optional, devOptional }]) => {
    if (!path.startsWith('node_modules/') || optional || devOptional || (dev && level !== 'full')) return true
    const found = present[path]
    return found !== undefined && found.version === version && found.link === link
  })
}
