/** What ingress-nginx answered, recorded, beside the resources that are to answer the same. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export interface ParityCase {
  /** Of the recording. */
  recorded: string;
  shows: string;
  /** Names without their prefix that the recorded Ingress had. */
  annotations: string[];
  /** Resources by `Kind/name`, each its spec; a Secret its data; `Service/x: { of: alpha }` has alpha's endpoints. */
  objects: Record<string, Record<string, unknown>>;
  /** A listener of its own, named as the recording, for its host: policies that ask for certificates are about listeners. */
  listener?: true;
  requests: ParityRequest[];
}

export interface ParityRequest {
  path: string;
  method?: string;
  scheme?: 'http' | 'https';
  /** Absent: the recording's name with `.example.test`. */
  host?: string;
  headers?: Record<string, string | string[]>;
  /** Bytes. */
  body?: number;
  basic?: string;
  /** What the client shows of itself. */
  cert?: 'client' | 'client-b' | 'deep' | 'rogue';
  /** Of the handshake. */
  tls?: '1.2';
  ciphers?: string;
  /** The first client or the second. */
  source?: 1 | 2;
  times?: number;
  parallel?: boolean;
  /** Cookies are kept under this name through the case. */
  jar?: string;
  /** Seconds to wait before. */
  wait?: number;
  expect: Expectation;
  /** Why Daemun answers otherwise, and what: the test wants just that instead. */
  differs?: { why: string } & Expectation;
}

export interface Expectation {
  /** 0: the handshake fails. */
  status?: number;
  /** The Service whose answer came back; absent: the gateway's own. */
  answered?: string;
  /** Of the answer, lower case; those that are named. */
  headers?: Record<string, string | string[] | null>;
  /** What the backend saw. */
  uri?: string;
  host?: string;
  saw?: Record<string, string | null>;
  /** How TLS was spoken to the backend that speaks it. */
  tls?: { version: string; sni?: string; client?: string };
  /** What the service was asked that says who may pass; null: it was not. Lines that it saw, and those that it did not. */
  asked?: { method?: string; uri?: string; host?: string; saw?: Record<string, string | null> } | null;
  /** Of repeated requests. */
  count_status?: Record<string, number>;
  /** One endpoint got all of them. */
  same_pod?: boolean;
  /** About how long the answer took. */
  seconds?: number;
  /** Of repeated requests that several Services share. */
  count_answered?: Record<string, number>;
}

const FOLDER = join(import.meta.dirname, 'cases');

export function families(): string[] {
  return readdirSync(FOLDER)
    .map((name) => name.replace('.yaml', ''))
    .sort();
}

export function casesOf(family: string): ParityCase[] {
  return parse(readFileSync(join(FOLDER, `${family}.yaml`), 'utf8')) as ParityCase[];
}

export function hostOf({ recorded }: ParityCase): string {
  return `${recorded}.example.test`;
}
