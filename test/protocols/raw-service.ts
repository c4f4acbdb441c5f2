/** A gRPC service of all four shapes whose messages are plain bytes, so that no schema is needed; and a client of it. */
import {
  ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

const asTheyAre = (bytes: Buffer): Buffer => bytes;

function method(service: string, name: string, shape: { requestStream: boolean; responseStream: boolean }) {
  return {
    path: `/${service}/${name}`,
    ...shape,
    requestSerialize: asTheyAre,
    requestDeserialize: asTheyAre,
    responseSerialize: asTheyAre,
    responseDeserialize: asTheyAre,
  };
}

/** `Unary`, `Upload` (client streaming), `Download` (server streaming) and `Talk` (both). */
export function rawDefinition(service: string): ServiceDefinition {
  return {
    Unary: method(service, 'Unary', { requestStream: false, responseStream: false }),
    Upload: method(service, 'Upload', { requestStream: true, responseStream: false }),
    Download: method(service, 'Download', { requestStream: false, responseStream: true }),
    Talk: method(service, 'Talk', { requestStream: true, responseStream: true }),
  };
}

export interface RawClient extends Client {
  Unary(
    message: Buffer,
    metadata: Metadata,
    options: object,
    done: (error: ServiceError | null, message?: Buffer) => void,
  ): ClientUnaryCall;
  Upload(
    metadata: Metadata,
    done: (error: ServiceError | null, message?: Buffer) => void,
  ): ClientWritableStream<Buffer>;
  Download(message: Buffer, metadata: Metadata): ClientReadableStream<Buffer>;
  Talk(metadata: Metadata): ClientDuplexStream<Buffer, Buffer>;
}

export function rawClient(
  target: string,
  options: { service?: string; credentials?: ChannelCredentials; channel?: object } = {},
): RawClient {
  const { service = 'raw.Echo', credentials = ChannelCredentials.createInsecure(), channel = {} } = options;
  const Constructor = makeGenericClientConstructor(rawDefinition(service), service);
  return new Constructor(target, credentials, channel) as unknown as RawClient;
}

/** One unary call; rejects with the ServiceError. */
export function callUnary(
  client: RawClient,
  message: string | Buffer,
  more: { metadata?: Record<string, string>; options?: object } = {},
): Promise<Buffer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(more.metadata ?? {})) metadata.set(name, value);
  return new Promise((resolve, reject) => {
    client.Unary(Buffer.from(message), metadata, more.options ?? {}, (error, answer) =>
      error === null ? resolve(answer!) : reject(error),
    );
  });
}

const HEALTH = 'grpc.health.v1.Health';
/** Field 1 of a HealthCheckResponse is 1: SERVING. */
const SERVING: UntypedServiceImplementation = {
  Check: (_call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => done(null, Buffer.from([8, 1])),
};

export interface RawServer {
  port: number;
  /** `host:port` as `--endpoint` wants it. */
  target: string;
  close(): void;
}

/** Serves implementations by service name, over TLS where there is a certificate, or else over h2c. */
export async function serveRaw(
  services: Record<string, UntypedServiceImplementation>,
  pair?: { certificate: string; privateKey: string },
  port = 0,
): Promise<RawServer> {
  const server = new Server();
  server.addService({ Check: method(HEALTH, 'Check', { requestStream: false, responseStream: false }) }, SERVING);
  for (const [name, implementation] of Object.entries(services)) server.addService(rawDefinition(name), implementation);
  const credentials =
    pair === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [
          { cert_chain: Buffer.from(pair.certificate), private_key: Buffer.from(pair.privateKey) },
        ]);
  const boundPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port: boundPort, target: `127.0.0.1:${boundPort}`, close: () => server.forceShutdown() };
}
