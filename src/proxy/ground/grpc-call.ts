/** What tells a call of gRPC from other requests: routing and answers of the gateway's own ask it. */
import { ARENA } from './arena.ts';
import { FIELD_STRIDE, type Head, nameHash, VALUE_END, VALUE_START } from './head.ts';

const CONTENT_TYPE = nameHash('content-type');
const MEDIA_TYPE = 'application/grpc';
const POST_BYTES = Buffer.from('POST').readUInt32BE();

/** A POST whose content type is gRPC's: `application/grpc`, with `+proto` and the like, or gRPC-Web's. */
export function isGrpc(head: Head): boolean {
  if (head.methodEnd - head.methodStart !== 4 || ARENA.readUInt32BE(head.methodStart) !== POST_BYTES) return false;
  const index = head.find('content-type', CONTENT_TYPE);
  if (index === -1) return false;
  const start = head.fields[index * FIELD_STRIDE + VALUE_START]!;
  const end = head.fields[index * FIELD_STRIDE + VALUE_END]!;
  if (end - start < MEDIA_TYPE.length) return false;
  for (let i = 0; i < MEDIA_TYPE.length; i++) if (ARENA[start + i] !== MEDIA_TYPE.charCodeAt(i)) return false;
  return true;
}
