import { readFileSync } from 'node:fs'

/** As package.json has it, which lies one folder up from the sources and from the built files. */
export const version: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version
