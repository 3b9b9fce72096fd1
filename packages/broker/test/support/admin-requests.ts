const topicPartitions = [{ topic: 'there', partitions: [0, 9] }]

/** Requests of the APIs that describe and change the cluster: see `requestOf`. */
export const adminRequests: Record<string, (version: number) => object> = {
  DescribeTopicPartitions: () => ({
    topics: [{ name: 'there' }, { name: 'unknown' }],
    responsePartitionLimit: 1,
    cursor: { topicName: 'there', partitionIndex: 0 },
  }),
  AlterConfigs: () => ({
    resources: [
      { resourceType: 2, resourceName: 'there', configs: [{ name: 'retention.ms', value: '5000' }] },
      { resourceType: 4, resourceName: '9', configs: [] },
    ],
    validateOnly: false,
  }),
  IncrementalAlterConfigs: () => ({
    resources: [2, 4, 8, 16, 32].map((resourceType) => ({
      resourceType,
      resourceName: resourceType === 2 ? 'there' : '1',
      configs: [{ name: 'cleanup.policy', configOperation: 2, value: 'compact' }],
    })),
    validateOnly: true,
  }),
  ListConfigResources: (version) => (version >= 1 ? { resourceTypes: [2, 4, 8, 16, 32] } : {}),
  UpdateFeatures: (version) => ({
    featureUpdates: [{ feature: 'group.version', maxVersionLevel: 1 }],
    ...(version >= 1 ? { validateOnly: true } : {}),
  }),
  DescribeQuorum: () => ({
    topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }],
  }),
  ElectLeaders: () => ({ topicPartitions }),
  AlterPartitionReassignments: () => ({
    topics: [{ name: 'there', partitions: [{ partitionIndex: 0, replicas: [1] }, { partitionIndex: 9 }] }],
  }),
  ListPartitionReassignments: () => ({ topics: null }),
  DescribeLogDirs: () => ({ topics: topicPartitions }),
  AlterReplicaLogDirs: () => ({ dirs: [{ path: '/broker', topics: [{ name: 'there', partitions: [0, 9] }] }] }),
}
