import { fileURLToPath } from 'node:url'

/**
 * The user's own line that an error is about, as `jobs/words.ts:12`: where a module cannot be parsed, else the first
 * frame outside of Millrace.
 */
export async function placeOf(error: unknown): Promise<string | undefined> {
  if (!(error instanceof Error)) return undefined
  // Most verbs run no job, and start sooner without the engine.
  const { describeLocation, userFrame } = await import('@millrace/engine')
  // What Node cannot parse has no frame; its stack begins with the place.
  const parsed = /^(file:\/\/.+):(\d+)\n/.exec(error.stack ?? '')
  const location = parsed
    ? { file: fileURLToPath(parsed[1] as string), line: Number(parsed[2]), column: 0 }
    : userFrame(error.stack)
  return location && describeLocation(location)
}
