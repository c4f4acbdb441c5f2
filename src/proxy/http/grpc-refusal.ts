/** Answers to calls of gRPC that no exchange knows of: of such a request no more is known than its content type. */
import { trailerMessage } from './grpc-web.ts';
import { type LocalReply, localReply, PREFERS_GRPC } from './local-reply.ts';

/** `type` is one of gRPC, without its suffix. Browsers show scripts the body of gRPC-Web, whatever stands in the head. */
export function grpcRefusal(type: string, status: number, about: { message: string; requestId: string }): LocalReply {
  const reply = localReply(PREFERS_GRPC, status, about);
  const lines = reply.lines.replace('application/grpc', type);
  if (!type.startsWith('application/grpc-web')) return { ...reply, lines };
  const message = trailerMessage(lines.replace(/^Content-Type:.*\r\n/m, ''));
  return { ...reply, lines, body: type.endsWith('-text') ? message.toString('base64') : message };
}

const CALL = /^POST [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?content-type:[ \t]*(application\/grpc(?:-web(?:-text)?)?)(?=[+;\s])/i;

/** The content type, without its suffix, of what may be a call of gRPC and is no sound head; '' where it is none. */
export function refusedType(text: string): string {
  return CALL.exec(text)?.[1]?.toLowerCase() ?? '';
}
