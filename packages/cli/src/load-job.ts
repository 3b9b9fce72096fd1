import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isJobDefinition, type JobDefinition } from '@millrace/engine'
import { MillraceError } from '@millrace/std'
import { placeOf } from './place-of.ts'

/**
 * Where a job's module lies.
 *
 * @throws MillraceError CLI_JOB_NOT_FOUND
 */
export function jobPath(file: string, cwd: string): string {
  const path = resolve(cwd, file)
  if (existsSync(path)) return path
  throw new MillraceError('CLI_JOB_NOT_FOUND', {
    message: `There is no file ${file} in ${cwd}.`,
    fix: 'Give the path of a module whose default export is a job.',
  })
}

/**
 * Imports a job's module; TypeScript runs as it is.
 *
 * @throws MillraceError CLI_JOB_NOT_FOUND, CLI_JOB_BROKEN (the module does not load), CLI_NOT_A_JOB (its default
 *   export is no job)
 */
export async function loadJob(file: string, cwd: string): Promise<JobDefinition> {
  const path = jobPath(file, cwd)
  let module: { default?: unknown }
  try {
    module = await import(pathToFileURL(path).href)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    const place = await placeOf(cause)
    throw new MillraceError('CLI_JOB_BROKEN', {
      message: `${file} does not load: ${cause instanceof Error ? cause.message : String(cause)}${place === undefined ? '' : ` (${place})`}`,
      fix:
        (cause as { code?: unknown } | null)?.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
          ? 'Types are stripped, not compiled: write it without enums, namespaces and parameter properties.'
          : 'Correct the module. --debug shows the stack trace.',
      cause,
    })
  }
  if (!isJobDefinition(module.default)) {
    throw new MillraceError('CLI_NOT_A_JOB', {
      message: `The default export of ${file} is ${module.default === undefined ? 'missing' : 'no job'}.`,
      fix: "Write export default job('name', (env) => { … }).",
    })
  }
  return module.default
}
