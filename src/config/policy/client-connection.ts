/** How connections of clients are kept, and what HTTP/2 allows on them. Durations are milliseconds. */
import * as v from 'valibot';
import { object, type Shape } from '../shape.ts';

export interface ClientKeepAlive {
  /** For which a connection without a request is kept. */
  idleTimeout?: number;
  /** Requests of one connection; after them it ends. */
  maxRequests?: number;
}

export interface ClientHttp2 {
  /** Streams that are open at a time. */
  maxConcurrentStreams?: number;
  /** Bytes under way to us, on a stream and on all of them. */
  streamWindow?: number;
  connectionWindow?: number;
  /** Bytes of a frame that clients may send. */
  maxFrameSize?: number;
  /** Who says nothing for `interval` is asked, and ends where it does not answer for `timeout`. */
  ping?: { interval: number; timeout: number };
}

/** 103 of backends, and of our own. */
export interface EarlyHints {
  /** Who gets them. */
  to: 'Everybody' | 'Http2' | 'Nobody';
  /** Values of Link, told to those who open a page as soon as its request goes to a backend. */
  links: string[];
}

const atLeastOne = v.pipe(v.number(), v.integer(), v.minValue(1));

export const clientKeepAlive: Shape<ClientKeepAlive> = object<ClientKeepAlive>({
  idleTimeout: v.optional(atLeastOne),
  maxRequests: v.optional(atLeastOne),
});

export const clientHttp2: Shape<ClientHttp2> = object<ClientHttp2>({
  maxConcurrentStreams: v.optional(atLeastOne),
  streamWindow: v.optional(v.pipe(v.number(), v.integer(), v.minValue(65_535), v.maxValue(0x7fff_ffff))),
  connectionWindow: v.optional(v.pipe(v.number(), v.integer(), v.minValue(65_535), v.maxValue(0x7fff_ffff))),
  maxFrameSize: v.optional(v.pipe(v.number(), v.integer(), v.minValue(16_384), v.maxValue(65_536))),
  ping: v.optional(v.object({ interval: atLeastOne, timeout: atLeastOne })),
});

export const earlyHints: Shape<EarlyHints> = object<EarlyHints>({
  to: v.picklist(['Everybody', 'Http2', 'Nobody']),
  links: v.array(v.pipe(v.string(), v.regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/))),
});
