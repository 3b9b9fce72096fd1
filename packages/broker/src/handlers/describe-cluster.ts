/**
 * DescribeCluster (60): the brokers that are there (KIP-700). Controllers (endpoint type 2, KIP-919) are not served.
 */
import { DescribeCluster, ErrorCode } from '@millrace/kafka'
import type { Brokers } from '../metadata/brokers.ts'
import { clusterOperations, operationsNotAsked } from './authorized-operations.ts'
import type { HandlerRegistry } from './registry.ts'

const brokerEndpoints = 1
const controllerEndpoints = 2

export function registerDescribeCluster(registry: HandlerRegistry, clusterId: string, brokers: Brokers): void {
  registry.registerSimple({
    api: DescribeCluster,
    versions: [0, 2],
    handle({ endpointType, includeClusterAuthorizedOperations }) {
      if (endpointType !== brokerEndpoints) {
        return {
          errorCode:
            endpointType === controllerEndpoints
              ? ErrorCode.MISMATCHED_ENDPOINT_TYPE
              : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
          errorMessage: 'This listener answers for brokers only.',
          clusterId: '',
          brokers: [],
        }
      }
      return {
        endpointType,
        clusterId,
        controllerId: brokers.controllerId,
        brokers: brokers.addresses().map(({ nodeId, host, port }) => ({ brokerId: nodeId, host, port })),
        clusterAuthorizedOperations: includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
      }
    },
    errorResponse: (_request, errorCode) => ({ errorCode, clusterId: '', brokers: [] }),
  })
}
