/** The family of built-in echo backends: one member a protocol, each a server of its own on a loopback port. */
import type { Backend } from '../../config/index.ts';

export interface EchoServer {
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/** Starts an echo for `backend` on a free port of `ECHO_ADDRESS`. */
export type StartEcho = (backend: Backend) => Promise<EchoServer>;

export const ECHO_ADDRESS = '127.0.0.1';

/** `x-echo-service`: which Service the echo stands in for. */
export function echoName({ service }: Backend): string {
  return `${service.namespace}/${service.name}`;
}
