/** Where Millrace's own packages lie: `…/packages/` in the repository, below `…/node_modules/` when installed. */
const packagesRoot = new URL('../../../', import.meta.url).href
/** Not the user's: ours, and libraries. What a library throws is put down to the user's line that called it. */
const foreignFrame = new RegExp(
  `^${escaped(packagesRoot)}[^/]+/(?:src|dist)/|/node_modules/|^node:|^evalmachine|^<anonymous>|^native$`,
)

export interface SourceLocation {
  /** A path, or a URL when it is no file. */
  readonly file: string
  readonly line: number
  readonly column: number
}

/** The line of user code in a stack: its first frame outside of Millrace's packages and of libraries. */
export function userFrame(stack: string | undefined): SourceLocation | undefined {
  if (stack === undefined) return undefined
  for (const line of stack.split('\n')) {
    const match = /^\s*at (?:.*\(|async )?(.*?):(\d+):(\d+)\)?$/.exec(line)
    if (!match) continue
    const place = match[1] as string
    const url = place.startsWith('/') ? `file://${place}` : place
    if (foreignFrame.test(url) || place.includes('<anonymous>')) continue
    return { file: pathOf(url), line: Number(match[2]), column: Number(match[3]) }
  }
  return undefined
}

/** `jobs/words.ts:12`, relative to the working folder where that is shorter. */
export function describeLocation(location: SourceLocation): string {
  const folder = `${process.cwd()}/`
  const file = location.file.startsWith(folder) ? location.file.slice(folder.length) : location.file
  return `${file}:${location.line}`
}

/** File and line of the user code that is calling the API now. */
export function callSite(): string | undefined {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 12
  const location = userFrame(new Error('call site').stack)
  Error.stackTraceLimit = limit
  return location && describeLocation(location)
}

function pathOf(url: string): string {
  if (!url.startsWith('file://')) return url
  const path = url.slice('file://'.length).replace(/\?.*$/, '')
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
