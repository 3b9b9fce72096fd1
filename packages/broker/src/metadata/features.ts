/**
 * Features: what a cluster has agreed to speak, by name and level (KIP-584). Levels that are *supported* are a property of the
 * program; the one that is *finalized* is a record of the metadata log, and 0 when there is none.
 *
 * Share groups (`share.version`), streams groups (`streams.version`) and dynamic voters (`kraft.version`) are not served, so
 * they are not among them.
 */
export interface FeatureRange {
  readonly min: number
  readonly max: number
}

export const metadataVersionFeature = 'metadata.version'

export const supportedFeatures = {
  /** 7 is 3.3-IV3, 30 is 4.3-IV0. */
  [metadataVersionFeature]: { min: 7, max: 30 },
  /** 2: transactions v2 (KIP-890). */
  'transaction.version': { min: 0, max: 2 },
  /** 1: the consumer protocol of KIP-848. */
  'group.version': { min: 0, max: 1 },
  /** 1: eligible leader replicas (KIP-966); the set is empty where the one replica leads. */
  'eligible.leader.replicas.version': { min: 0, max: 1 },
} as const satisfies Record<string, FeatureRange>

export type FeatureName = keyof typeof supportedFeatures

export const featureNames = Object.keys(supportedFeatures) as FeatureName[]

export function isFeature(name: string): name is FeatureName {
  return Object.hasOwn(supportedFeatures, name)
}
