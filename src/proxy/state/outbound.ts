/** What this data plane may ask of the world by itself, such as keys of an issuer: never the machine or the gateway. */
import { barredHost } from '../../config/index.ts';

/** Why nothing is sent to this address, or undefined. `host`: as the policy has it, when it was no name. */
export type OutboundGate = (address: string, port: number) => string | undefined;

/** A text that is fetched from a server elsewhere. */
export interface Fetched {
  /** https. */
  url: string;
  /** PEM; absent: the machine's roots. */
  ca?: string;
  /** Absent: nothing is sent. */
  post?: { body: string; headers: Record<string, string> };
}

/** Rejects where there is no such text. `tenant`: the namespace that wants it, in whose turn it is fetched. */
export type Fetcher = (fetched: Fetched, tenant: string) => Promise<string>;

/** A text that a backend of the config has. */
export interface AskedBackend {
  /** Key of the Backend. */
  backend: string;
  host: string;
  path: string;
}

/** The same of a backend, over connections as those of requests are. */
export type BackendFetcher = (asked: AskedBackend) => Promise<string>;

export const STRICT_GATE: OutboundGate = (address) => barredHost(address, 'refused');
