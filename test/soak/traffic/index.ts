import { GRPC } from './grpc.ts';
import { HTTP1 } from './http1.ts';
import { HTTP2 } from './http2.ts';
import { STREAM } from './stream.ts';
import type { TrafficKind } from './traffic.ts';
import { WEBSOCKET } from './websocket.ts';

export const TRAFFIC: readonly TrafficKind[] = [...HTTP1, ...HTTP2, ...WEBSOCKET, ...GRPC, ...STREAM];
export { HOSTS, type Place, type Ports, type SoakClient, type TrafficKind } from './traffic.ts';
