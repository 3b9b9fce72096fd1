/** Where clients find the broker, as it is advertised to them. */
export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}
