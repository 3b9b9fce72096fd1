import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../codec/schema.ts'
import { array, bigint64, boolean, int16, int32, int64, string } from '../codec/types.ts'

/**
 * Tells what is in the log directories of a broker (KIP-113), in bytes. `topics` null means all. The sizes of a volume are bigint:
 * network file systems answer almost 2^63.
 *
 * Versions: 2 is flexible; 3 has an error for the whole; 4 adds the size of the volume (KIP-827), -1 when not known; 5 says whether
 * the directory is cordoned: takes no new partitions (KIP-1066).
 */
export const DescribeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleFrom: 2,
  request: {
    topics: array(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { nullable: true },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ versions: '3+', ignorable: true }),
    results: array({
      errorCode: int16({ default: 0 }),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: boolean(),
        }),
      }),
      totalBytes: bigint64({ versions: '4+', default: -1n, ignorable: true }),
      usableBytes: bigint64({ versions: '4+', default: -1n, ignorable: true }),
      isCordoned: boolean({ versions: '5+', default: false, ignorable: true }),
    }),
  },
})

export type DescribeLogDirsRequest = RequestOf<typeof DescribeLogDirs>
export type DescribeLogDirsRequestInput = RequestInputOf<typeof DescribeLogDirs>
export type DescribeLogDirsResponse = ResponseOf<typeof DescribeLogDirs>
export type DescribeLogDirsResponseInput = ResponseInputOf<typeof DescribeLogDirs>
