/** The part of kafkajs that the service uses; a project that has kafkajs has its types with it. */
declare module 'kafkajs' {
  interface Producer {
    connect(): Promise<void>
    disconnect(): Promise<void>
    send(record: { topic: string; acks?: number; messages: { key?: string; value: string }[] }): Promise<unknown>
  }

  interface Consumer {
    connect(): Promise<void>
    disconnect(): Promise<void>
    subscribe(subscription: { topic: string; fromBeginning?: boolean }): Promise<void>
    run(config: {
      eachMessage(payload: { topic: string; message: { key: Buffer | null; value: Buffer | null } }): Promise<void>
    }): Promise<void>
  }

  export class Kafka {
    constructor(config: {
      brokers: string[]
      logLevel?: number
      retry?: { initialRetryTime?: number; maxRetryTime?: number; retries?: number }
    })
    producer(config?: { idempotent?: boolean; maxInFlightRequests?: number }): Producer
    consumer(config: { groupId: string; maxWaitTimeInMs?: number }): Consumer
  }
}
