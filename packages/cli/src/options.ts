import { suggest } from '@millrace/std'
import { type Command, InvalidArgumentError, Option } from 'commander'

export const defaultBootstrap = '127.0.0.1:9092'

export interface BootstrapOptions {
  readonly bootstrap: string
}

/** `--bootstrap`: which cluster, for every verb that talks to one. */
export function withBootstrap(command: Command): Command {
  return command.addOption(
    new Option('-b, --bootstrap <host:port,…>', 'the cluster: some of its brokers')
      .env('MILLRACE_BOOTSTRAP')
      .default(defaultBootstrap)
      .argParser(parseBootstrap),
  )
}

function parseBootstrap(text: string): string {
  for (const address of text.split(',')) {
    const port = Number(/^[^:\s]+:(\d+)$|^\[[0-9a-fA-F:]+\]:(\d+)$/.exec(address.trim())?.slice(1).find(Boolean))
    if (!(port >= 1 && port <= 65_535))
      throw new InvalidArgumentError(`'${address}' is not host:port, as in ${defaultBootstrap}.`)
  }
  return text
}

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < min || value > max) {
      const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
      throw new InvalidArgumentError(`'${text}' is not a whole number ${range}.`)
    }
    return value
  }
}

/** Collects `key=value` of an option that may be repeated. */
export function keyValue(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const cut = text.indexOf('=')
  if (cut < 1) throw new InvalidArgumentError(`'${text}' is not key=value.`)
  return { ...previous, [text.slice(0, cut).trim()]: text.slice(cut + 1).trim() }
}

/** One of `known`, collected: for an option that may be repeated. */
export function repeatedChoice<T extends string>(known: readonly T[]): (text: string, previous?: readonly T[]) => T[] {
  return (text, previous = []) => {
    const found = known.find((each) => each === text)
    if (found !== undefined) return [...previous, found]
    const meant = suggest(text, known)
    throw new InvalidArgumentError(
      `'${text}' is ${meant ? `unknown. Did you mean ${meant}?` : `none of ${known.join(', ')}.`}`,
    )
  }
}

/** Collects the values of an option that may be repeated. */
export function repeated(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text]
}

/** Examples at the end of a verb's help. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`)
}

/** `--data`: whose files. */
export function dataOption(): Option {
  return new Option('-d, --data <folder>', 'the data folder').default('.millrace/data')
}
