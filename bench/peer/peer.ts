/** A proxy that the bench compares: how to find it, and how to run it for a setup. */
import type { Certificate } from '../certificate.ts';
import type { Launch } from '../child.ts';

/** What a case asks of a proxy, in no proxy's terms. */
export interface Setup {
  /** `grpc` is HTTP/2 without TLS on both sides; `tls` is passthrough by SNI (`localhost`); the others say themselves. */
  kind: 'http' | 'grpc' | 'tcp' | 'tls' | 'udp';
  /** Terminate TLS with this certificate (kind http). */
  certificate?: Certificate;
  /** Clients speak HTTP/2 without TLS from the first byte (kind http). */
  h2?: boolean;
  /** Host names, each with all of `paths`; all lead to the one backend. */
  hosts: string[];
  /** Those of `hosts` that the load asks for; absent: all. */
  asked?: string[];
  /** Path prefixes. */
  paths: string[];
  /** Port of the backend on 127.0.0.1. */
  backend: number;
  workers: number;
  /** Clients that are connected at once, where they are more than USUAL_CLIENTS. */
  clients?: number;
  /** The backend is asked by a request of its own, with the lines of each request, whether that may pass (kind http). */
  asks?: boolean;
  /** Answers of text/plain are compressed by gzip at this level (kind http). */
  gzip?: number;
  /** Tell the backend X-Forwarded-For, -Proto, -Host, -Port and X-Request-Id; for peers that do not do so by themselves. */
  forwarded?: boolean;
}

/** What proxies are told to have room for that want to be told. */
export const USUAL_CLIENTS = 8192;

export interface Found {
  version: string;
  path: string;
}

export interface Place {
  /** A folder of this launch's own. */
  dir: string;
  /** Port to listen on, on 127.0.0.1. */
  port: number;
}

export interface Peer {
  name: string;
  /** Undefined where it is not installed. */
  find(): Promise<Found | undefined>;
  /** Writes its configuration; undefined where it has no such feature. */
  launch(setup: Setup, place: Place): Launch | undefined;
}
