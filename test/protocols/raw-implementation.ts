/** What the backends of the gRPC tests do. */
import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';

/** Answers with its name in the header `x-server`; some requests ask for more: `fail`, `hang`, a number of bytes. */
export function rawImplementation(
  name: string,
  onCall: (metadata: Record<string, unknown>) => void = () => {},
): UntypedServiceImplementation {
  const hello = (call: { metadata: Metadata; sendMetadata(metadata: Metadata): void }): void => {
    onCall(call.metadata.getMap());
    const metadata = new Metadata();
    metadata.set('x-server', name);
    call.sendMetadata(metadata);
  };
  return {
    Unary(call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      hello(call);
      const asked = call.request.toString('latin1', 0, 32);
      if (asked === 'hang') return;
      const trailers = new Metadata();
      trailers.set('x-trailer', 'after');
      if (asked === 'fail') done({ code: status.FAILED_PRECONDITION, details: 'not now: é', metadata: trailers });
      else done(null, call.request, trailers);
    },
    Upload(call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) {
      hello(call);
      let bytes = 0;
      call.on('data', (message: Buffer) => (bytes += message.length));
      call.on('end', () => done(null, Buffer.from(String(bytes))));
    },
    Download(call: ServerWritableStream<Buffer, Buffer>) {
      hello(call);
      const asked = call.request.toString();
      if (asked === 'hang') {
        call.write(Buffer.from('first'));
        return;
      }
      for (let left = Number(asked); left > 0; left -= 65_536) call.write(Buffer.alloc(Math.min(left, 65_536), 7));
      call.end();
    },
    Talk(call: ServerDuplexStream<Buffer, Buffer>) {
      hello(call);
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  };
}
