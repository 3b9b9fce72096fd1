/**
 * Changes of finalized features (KIP-584, KIP-778): which may be made, and the records that make them. Refusals are those of
 * Apache Kafka 4.3.
 */
import { ErrorCode, type MetadataRecordInput } from '@millrace/kafka'
import type { ServerConfig } from '../config/server-config.ts'
import { type ClusterImage, configRecord, featureRecord } from './cluster-image.ts'
import { type FeatureName, featureNames, isFeature, metadataVersionFeature, supportedFeatures } from './features.ts'
import { resourceTypes } from './resource-configs.ts'
import { type CommandError, refusal } from './topic-commands.ts'

/** By the numbers of UpdateFeatures. */
export const upgradeTypes = { upgrade: 1, safeDowngrade: 2, unsafeDowngrade: 3 } as const

export interface FeatureUpdate {
  readonly feature: string
  readonly maxVersionLevel: number
  readonly upgradeType: number
}

const replicasFeature: FeatureName = 'eligible.leader.replicas.version'

/** What a new cluster begins with: every feature at its newest level, as in Apache Kafka. */
export function* bootstrapRecords(server: ServerConfig): Generator<MetadataRecordInput> {
  for (const name of featureNames) yield featureRecord(name, supportedFeatures[name].max)
  yield insyncReplicasRecord(server)
}

/** KIP-966: with eligible leader replicas there is one minimum for all brokers. */
function insyncReplicasRecord(server: ServerConfig): MetadataRecordInput {
  return configRecord(resourceTypes.broker, '', 'min.insync.replicas', String(server['min.insync.replicas']))
}

/** The records that finalize features at other levels, or why the first one that cannot be is refused. */
export function planFeatureUpdates(
  image: ClusterImage,
  updates: readonly FeatureUpdate[],
  server: ServerConfig,
): readonly MetadataRecordInput[] | CommandError {
  const records: MetadataRecordInput[] = []
  for (const update of updates) {
    const { feature, maxVersionLevel: level } = update
    const present = image.features.get(feature) ?? 0
    const problem = updateProblem(update, present, server['node.id'])
    if (problem) {
      return refusal(
        ErrorCode.INVALID_UPDATE_VERSION,
        `The update failed for all features since the following feature had an error: ${problem}`,
      )
    }
    if (level === present) continue
    records.push(featureRecord(feature, level))
    if (
      feature === replicasFeature &&
      level > 0 &&
      !image.configsOf(resourceTypes.broker, '').has('min.insync.replicas')
    ) {
      records.push(insyncReplicasRecord(server))
    }
  }
  return records
}

function updateProblem(
  { feature, maxVersionLevel: level, upgradeType }: FeatureUpdate,
  present: number,
  nodeId: number,
): string | undefined {
  const invalid = (why: string) => `Invalid update version ${level} for feature ${feature}. ${why}`
  if (!isFeature(feature)) return invalid(`Local controller ${nodeId} does not support this feature.`)
  if (!(Object.values(upgradeTypes) as number[]).includes(upgradeType)) {
    return invalid('The controller does not support the given upgrade type.')
  }
  if (level < 0) return invalid('A feature version cannot be less than 0.')
  const { min, max } = supportedFeatures[feature]
  if (level < min || level > max) return invalid(`Local controller ${nodeId} only supports versions ${min}-${max}`)
  if (level > present && upgradeType !== upgradeTypes.upgrade) return invalid("Can't downgrade to a newer version.")
  if (level >= present) return undefined
  if (upgradeType === upgradeTypes.upgrade) {
    return invalid(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    )
  }
  if (feature !== metadataVersionFeature) return undefined
  const downgrade = `Unsupported metadata.version downgrade from ${present} to ${level}.`
  return upgradeType === upgradeTypes.unsafeDowngrade
    ? `${downgrade} Unsafe metadata downgrade is not supported in this version.`
    : `${downgrade} Refusing to perform the requested downgrade because it might delete metadata information.`
}
