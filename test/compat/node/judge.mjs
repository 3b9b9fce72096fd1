// Runs cases against a broker and prints one line of JSON for each: {"case", "ok", "ms", "error"}. Plain JavaScript: some
// of the clients are built for another release of Node than ours.
import { createRequire } from 'node:module'

const [, , packageFolder, address, wanted = ''] = process.argv
const cases = []
let names = 0

/** The broker to judge. */
export const bootstrap = address

/** The client, from the folder that the program is told of. */
export const load = (name) => createRequire(`${packageFolder}/package.json`)(name)

export const test = (name, body) => cases.push({ name, body })

/** A name that nothing else uses, on a broker that keeps what it was given. */
export const fresh = (stem) => `judge-${stem}-${process.pid}-${++names}`

export const values = (stem, count) => Array.from({ length: count }, (_, i) => `${stem}-${i}`)

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

export function equal(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what}: expected ${b} but got ${a}`)
}

export async function until(what, condition, limitMs = 40_000) {
  const end = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`)
    await sleep(30)
  }
}

/** Ends a case that this build of the client cannot run. */
export class Skipped extends Error {}

/** The error that a promise ends with. */
export async function failure(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('no error came')
}

/** Runs the cases whose name contains the filter, one after the other. */
export async function main() {
  for (const { name, body } of cases) {
    if (!name.includes(wanted)) continue
    const started = Date.now()
    let error
    let skipped
    let limit
    try {
      const late = new Promise((_, reject) => {
        limit = setTimeout(() => reject(new Error('not done after 90 s')), 90_000)
      })
      await Promise.race([body(), late])
    } catch (thrown) {
      if (thrown instanceof Skipped) skipped = thrown.message
      else error = String(thrown?.stack ?? thrown)
    }
    clearTimeout(limit)
    process.stdout.write(
      `${JSON.stringify({ case: name, ok: error === undefined, ms: Date.now() - started, error, skipped })}\n`,
    )
  }
  process.exit(0)
}
