import { ErrorCode } from '@millrace/kafka'
import type { ConfigChange } from '../metadata/config-commands.ts'
import { type CommandError, refusal } from '../metadata/topic-commands.ts'

interface Resource {
  readonly resourceType: number
  readonly resourceName: string
}

/** Changes the resources that are named once; answers for each, in the order of the request. */
export async function alterResources(
  changes: readonly ConfigChange[],
  alter: (changes: readonly ConfigChange[]) => Promise<readonly (CommandError | undefined)[]>,
) {
  const counts = new Map<string, number>()
  for (const change of changes) counts.set(keyOf(change), (counts.get(keyOf(change)) ?? 0) + 1)
  const single = changes.filter((change) => counts.get(keyOf(change)) === 1)
  const refusals = await alter(single)
  const byChange = new Map(single.map((change, i) => [change, refusals[i]]))
  const twice = refusal(ErrorCode.INVALID_REQUEST, 'Each resource must appear at most once.')
  return changes.map((change) => {
    const { errorCode, errorMessage } = (byChange.has(change) ? byChange.get(change) : twice) ?? {
      errorCode: ErrorCode.NONE,
      errorMessage: null,
    }
    return { errorCode, errorMessage, resourceType: change.resourceType, resourceName: change.resourceName }
  })
}

/** The answer when the whole request fails. */
export function failedResources({ resources }: { readonly resources: readonly Resource[] }, errorCode: number) {
  return { responses: resources.map(({ resourceType, resourceName }) => ({ errorCode, resourceType, resourceName })) }
}

function keyOf({ resourceType, resourceName }: Resource): string {
  return `${resourceType} ${resourceName}`
}
