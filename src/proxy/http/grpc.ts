/** What gRPC asks of answers that the gateway makes itself, and its deadlines. */
import type { Downstream } from '../ground/codec.ts';
import { WHEEL_TICK } from '../ground/deadline.ts';
import { type Head, type HeadTable, nameHash } from '../ground/head.ts';
import { TRAILER_LINES } from '../ground/region.ts';

const CONTENT_TYPE = nameHash('content-type');
const GRPC_TIMEOUT = nameHash('grpc-timeout');

/** The gRPC status for an HTTP status of the gateway's own. A reference that does not resolve is UNAVAILABLE. */
export function grpcStatus(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 413:
    case 431:
      return 8;
    case 504:
      return 4;
    default:
      return 14;
  }
}

/** The content type of a call whose head is known only as far as `table` was filled; '' where it is none of gRPC. */
export function grpcType(table: HeadTable): string {
  const index = table.find('content-type', CONTENT_TYPE);
  const type = index === -1 ? null : /^application\/grpc(-web(-text)?)?(?=[+;]|$)/.exec(table.value(index));
  return type === null ? '' : type[0];
}

/** grpc-message is percent-encoded where it is not printable ASCII. */
export function grpcMessage(text: string): string {
  return encodeURIComponent(text).replace(/%(20|2C|3A|3B|3D|40|2F|3F|26|2B|24|23)/g, decodeURIComponent);
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * When on the wheel's clock the time is up that `grpc-timeout` allows; Infinity where there is none or it is
 * malformed. The clock may be a turn behind, and nobody is to be cut short by that.
 */
export function grpcDue(head: Head, now: number): number {
  const index = head.find('grpc-timeout', GRPC_TIMEOUT);
  const match = index === -1 ? null : /^(\d{1,8})([HMSmun])$/.exec(head.value(index));
  if (match === null) return Number.POSITIVE_INFINITY;
  return now + WHEEL_TICK + Number(match[1]) * UNITS[match[2]!]!;
}

/** Completes an answer that has begun with the status that stands for an HTTP status of the gateway's own. */
export function endWithStatus(down: Downstream, status: number, message: string): void {
  const trailers = `grpc-status: ${grpcStatus(status)}\r\ngrpc-message: ${grpcMessage(message)}\r\n`;
  down.sendEnd(TRAILER_LINES.start, TRAILER_LINES.loadText(trailers));
}
