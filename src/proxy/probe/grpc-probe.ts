/** A look by the health service of gRPC (grpc.health.v1.Health/Check). */
import type { GrpcHealthQuestion } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import { type Head, nameHash } from '../ground/head.ts';
import { ExchangeProbe } from './exchange-probe.ts';
import { ANSWER_MALFORMED, grpcFinding, servingFinding } from './finding.ts';
import { USER_AGENT } from './user-agent.ts';

/** A flag for compression, and four bytes of length. */
const PREFIX = 5;
/** Of a message: the first field, as a varint, and as bytes. */
const FIELD_1_VARINT = 0x08;
const FIELD_1_BYTES = 0x0a;
/** The longest answer: what a message of one small number takes, and room for fields that are not known. */
const MAX_ANSWER_BYTES = 256;
const GRPC_STATUS = nameHash('grpc-status');

export class GrpcProbe extends ExchangeProbe<GrpcHealthQuestion> {
  #answer = Buffer.alloc(0);

  protected head(): string {
    const { question, site } = this.order;
    const host = question.host ?? (site.target.tls?.serverName || site.label);
    const lines = `Content-Type: application/grpc\r\nTE: trailers\r\n${USER_AGENT}`;
    const length = `Content-Length: ${requestOf(question.service).length}\r\n`;
    return `POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: ${host}\r\n${lines}${length}`;
  }

  protected body(): Buffer {
    return requestOf(this.order.question.service);
  }

  protected judgeHead(head: Head): number | undefined {
    if (head.status !== 200) return head.status;
    const at = head.find('grpc-status', GRPC_STATUS);
    const status = at === -1 ? 0 : Number(head.value(at));
    return status === 0 ? undefined : grpcFinding(status);
  }

  protected takeBody(start: number, end: number): void {
    if (this.#answer.length + end - start > MAX_ANSWER_BYTES) return;
    this.#answer = Buffer.concat([this.#answer, ARENA.subarray(start, end)]);
  }

  protected judgeEnd(start: number, end: number): number {
    const status = /^grpc-status:[ \t]*(\d{1,3})[ \t]*$/im.exec(ARENA.latin1Slice(start, end))?.[1];
    if (status !== undefined && Number(status) !== 0) return grpcFinding(Number(status));
    const serving = servingStatus(this.#answer);
    return serving === undefined ? ANSWER_MALFORMED : servingFinding(serving);
  }

  protected judgeLong(): number {
    return ANSWER_MALFORMED;
  }
}

function requestOf(service: string): Buffer {
  const name = Buffer.from(service, 'latin1');
  const message =
    name.length === 0 ? name : Buffer.concat([Buffer.from([FIELD_1_BYTES, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, value >> 7];
}

/** Undefined: this is no answer. An empty message says 0. */
function servingStatus(answer: Buffer): number | undefined {
  if (answer.length < PREFIX || answer[0] !== 0 || answer.readUInt32BE(1) !== answer.length - PREFIX) return undefined;
  if (answer.length === PREFIX) return 0;
  return answer[PREFIX] === FIELD_1_VARINT && answer.length > PREFIX + 1 ? answer[PREFIX + 1] : undefined;
}
