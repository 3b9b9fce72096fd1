import { type RequestHeader, readRequestHeader } from '../codec/frame.ts'
import { ProtocolError } from '../errors/protocol-error.ts'
import { apiByKey } from './apis.ts'

/**
 * The header of a request, `frame` without its size prefix. It also reads the header of a version that is not supported,
 * so that ApiVersions can be answered as KIP-511 says; whoever decodes the body checks the version.
 *
 * @throws ProtocolError `PROTOCOL_UNKNOWN_API`, `PROTOCOL_TRUNCATED`, `PROTOCOL_INVALID_LENGTH`
 */
export function decodeRequestHeader(frame: Uint8Array): RequestHeader {
  return readRequestHeader(frame, flexibleFromOf)
}

function flexibleFromOf(apiKey: number): number {
  const api = apiByKey(apiKey)
  if (api !== undefined) return api.flexibleFrom
  throw new ProtocolError('PROTOCOL_UNKNOWN_API', `API key ${apiKey} is unknown`, {
    message: 'RequestHeader',
    position: 0,
  })
}
