import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// npm run bench               every benchmark, one after the other, each in a process of its own
// npm run bench -- NAME …     some of them: `npm run bench -- records engine`
// npm run bench -- --list     their names
const folder = fileURLToPath(new URL('.', import.meta.url))
const suffix = '.bench.ts'
const known = readdirSync(folder)
  .filter((file) => file.endsWith(suffix))
  .map((file) => file.slice(0, -suffix.length))

const wanted = process.argv.slice(2)
if (wanted.includes('--list')) {
  console.log(known.join('\n'))
} else {
  const unknown = wanted.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    console.error(`No benchmark is called ${unknown.join(', ')}. There are: ${known.join(', ')}.`)
    process.exit(2)
  }
  for (const name of wanted.length > 0 ? wanted : known) {
    console.log(`\n== ${name}`)
    const { status } = spawnSync(
      process.execPath,
      ['--expose-gc', '--conditions=millrace-source', `${folder}${name}${suffix}`],
      {
        stdio: 'inherit',
      },
    )
    if (status !== 0) process.exitCode = 1
  }
}
