import { type ParseArgsConfig, parseArgs } from 'node:util'

/** The options of the command line; a wrong one ends the process with a line that says so. */
export function parseOptions<const O extends NonNullable<ParseArgsConfig['options']>>(options: O) {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    return wrongUsage((error as Error).message)
  }
}

export function wrongUsage(message: string): never {
  console.error(`error: ${message}`)
  process.exit(2)
}
