/** What becomes of answers: a type for each setting of a ResponsePolicy, so that each is inherited by itself. */
import * as v from 'valibot';
import type { HeaderLine } from '../route.ts';
import { cidr, key, lineText, object, type Shape } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

type Target = 'Listener' | 'RouteRule' | 'Backend';

/** Lines that every answer has, whatever else says so. */
export type AnswerHeaders = PolicyOf<'AnswerHeaders', Target, Stacked<AnswerHeaderSettings>>;
export interface AnswerHeaderSettings {
  lines: HeaderLine[];
}

/** Bodies for answers of some statuses, whoever gave them; the status stays. */
export type ErrorPages = PolicyOf<'ErrorPages', Target, Stacked<ErrorPageSettings>>;
export interface ErrorPageSettings {
  pages: Array<{ codes: number[]; contentType: string; body: string }>;
}

/** Answers in the place of backends. */
export type DirectResponse = PolicyOf<'DirectResponse', Target, Stacked<DirectResponseSettings>>;
export interface DirectResponseSettings {
  statusCode: number;
  contentType: string;
  body: string;
  /** Seconds; absent: nothing is said. */
  retryAfter?: number;
  /** CIDRs of clients that get to the backend all the same. */
  exempt: string[];
}

/** Cookies and locations of backends, as clients are to see them. */
export type AnswerRewrite = PolicyOf<'AnswerRewrite', Target, Stacked<AnswerRewriteSettings>>;
export interface AnswerRewriteSettings {
  cookieDomains: Replacement[];
  cookiePaths: Replacement[];
  locations: Replacement[];
}
export interface Replacement {
  from: string;
  to: string;
}

/** Bodies made smaller for clients that take them so. */
export type Compression = PolicyOf<'Compression', Target, Stacked<CompressionSettings>>;
export interface CompressionSettings {
  /** The first that the client takes as gladly as any. */
  algorithms: Array<'br' | 'gzip' | 'zstd'>;
  /** Media types without parameters, lower case. */
  types: string[];
  /** Bytes; of an answer whose length is not known beforehand, nothing. */
  minimumBytes: number;
  /** Of gzip and brotli. */
  level: number;
}

/** Whether the access log has a line of the request. */
export type AccessLogging = PolicyOf<'AccessLogging', Target, Stacked<AccessLogSettings>>;
export interface AccessLogSettings {
  written: boolean;
}

const text = v.string();
const replacement = object<Replacement>({ from: key, to: lineText });
const status = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));

function answerType<S>(settings: Shape<S>): PolicyType<Target, Stacked<S>, 'stacked'> {
  return {
    targets: ['Listener', 'RouteRule', 'Backend'],
    merge: 'stacked',
    stages: ['listener', 'rule', 'backend'],
    shape: stacked(settings),
    shown: (spec) => shownActs(spec, (one) => one),
  };
}

export const answerHeaders: PolicyType<Target, Stacked<AnswerHeaderSettings>, 'stacked'> = answerType(
  object<AnswerHeaderSettings>({ lines: v.array(v.object({ name: key, value: lineText })) }),
);
export const errorPages: PolicyType<Target, Stacked<ErrorPageSettings>, 'stacked'> = answerType(
  object<ErrorPageSettings>({
    pages: v.array(v.object({ codes: v.array(status), contentType: lineText, body: text })),
  }),
);
export const directResponse: PolicyType<Target, Stacked<DirectResponseSettings>, 'stacked'> = answerType(
  object<DirectResponseSettings>({
    statusCode: status,
    contentType: lineText,
    body: text,
    retryAfter: v.optional(count),
    exempt: v.array(cidr),
  }),
);
export const answerRewrite: PolicyType<Target, Stacked<AnswerRewriteSettings>, 'stacked'> = answerType(
  object<AnswerRewriteSettings>({
    cookieDomains: v.array(replacement),
    cookiePaths: v.array(replacement),
    locations: v.array(replacement),
  }),
);
export const compression: PolicyType<Target, Stacked<CompressionSettings>, 'stacked'> = answerType(
  object<CompressionSettings>({
    algorithms: v.array(v.picklist(['br', 'gzip', 'zstd'])),
    types: v.array(key),
    minimumBytes: count,
    level: v.pipe(count, v.minValue(1), v.maxValue(9)),
  }),
);
export const accessLogging: PolicyType<Target, Stacked<AccessLogSettings>, 'stacked'> = answerType(
  object<AccessLogSettings>({ written: v.boolean() }),
);
