/** The family of the soak's clients: one file a protocol, each with the kinds of exchange it makes. */
import { LOOPBACK } from '../port.ts';

/** Where the gateway serves, and what clients must know of it. */
export interface Place {
  ports: Ports;
  /** PEM of the authority that signs all certificates, old ones and new. */
  ca: string;
}

/** Of the listeners that are there all the time. */
export interface Ports {
  http: number;
  https: number;
  passthrough: number;
  tcp: number;
  udp: number;
}

export interface SoakClient {
  /** One exchange from its start to its end; throws where anything of it is not as it should be. */
  exchange(): Promise<void>;
  /** Lets go of what is open, in good order. */
  close(): void | Promise<void>;
}

export interface TrafficKind {
  name: string;
  /** Milliseconds between two exchanges of a client. */
  pace: number;
  open(place: Place): SoakClient | Promise<SoakClient>;
}

export const HOSTS = {
  web: 'web.soak.example',
  grpc: 'grpc.soak.example',
  passthrough: 'passthrough.soak.example',
} as const;

/** An exchange that takes longer has failed. */
export const PATIENCE = 20_000;

/** Rejects where `work` does not come to an end in time. */
export async function inTime<T>(work: Promise<T>, patience = PATIENCE): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no end after ${patience / 1000} s`)), patience);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Bytes that tell where they stand: what is cut, doubled or mixed up is seen. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + (i >> 8) + seed) & 0xff;
  return bytes;
}

export function mustEqual(got: Buffer, wanted: Buffer): void {
  if (!got.equals(wanted)) throw new Error(`${got.length} bytes that are not the ${wanted.length} that were sent`);
}

/** Where the next connection goes: over IPv4 or IPv6. */
export function nextHost(): string {
  return oneOf(LOOPBACK);
}

export function oneOf<T>(choices: readonly T[]): T {
  return choices[Math.floor(Math.random() * choices.length)]!;
}
