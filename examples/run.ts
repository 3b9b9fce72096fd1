/** `npm run example -- NAME`: runs examples/NAME/main.ts. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const [name = '', ...rest] = process.argv.slice(2)
const known = readdirSync(import.meta.dirname).filter((folder) =>
  existsSync(join(import.meta.dirname, folder, 'main.ts')),
)
if (known.includes(name)) {
  process.argv.splice(2, process.argv.length, ...rest)
  await import(`./${name}/main.ts`)
} else {
  console.error(`${name === '' ? 'Which example?' : `There is no example '${name}'.`} There are: ${known.join(', ')}.`)
  process.exitCode = 2
}
