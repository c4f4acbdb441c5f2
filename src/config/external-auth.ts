/** Asking a service whether a request may pass: of the filter ExternalAuth, and of the method `external` of policies. */
import * as v from 'valibot';
import { templateFault } from '../value/request-template.ts';
import { headerNameFault } from './header-line.ts';
import { key, lineText, object, type Shape } from './shape.ts';

export interface ExternalAuth {
  /** Key of the Backend that is asked. */
  backend: string;
  /** Milliseconds for question and answer together. */
  timeout: number;
  question: HttpQuestion | GrpcQuestion;
  /** Of the request's body what goes with the question; absent: nothing. */
  body?: QuestionBody;
  onFailure: FailedQuestion;
}

export interface QuestionBody {
  /** Bytes. */
  maxBytes: number;
  /** A longer one: its beginning goes, and else the request is refused. */
  partial: boolean;
}

/** The service does not answer, or not in a way that can be used. */
export interface FailedQuestion {
  /** The request passes. */
  open: boolean;
  /** What the client is told where it does not. */
  statusCode: number;
}

/** A request of HTTP, as nginx's auth_request makes it. */
export interface HttpQuestion {
  protocol: 'HTTP';
  /** Absent: the request's own. */
  method?: string;
  /** Template of path and query. */
  target: string;
  /** Template of Host. */
  host: string;
  /** Lines of the request that go with it, lower case. */
  headers: HeaderChoice;
  /** Lines that are made for it: templates, in the place of the request's. */
  set: Array<{ name: string; value: string }>;
  /** Statuses that let the request pass. */
  admits: 'Only200' | 'Successful';
  /** Statuses that refuse it with the answer as it came; 3xx and 4xx where it is absent. Others are failures. */
  refusals?: number[];
  /** Lines of an answer that admits, for the backend, lower case: in the place of the client's. */
  toBackend: HeaderChoice;
  /** Set-Cookie of an answer that admits: for the client with answers that are no errors, with all of them, or with none. */
  cookies: 'Success' | 'Always' | 'Never';
  /** A 401 sends the client there. */
  signIn?: SignIn;
  cache?: AnswerCache;
}

export interface SignIn {
  /** Template. */
  url: string;
  /** Query parameter with the URL that was asked for, unless the template has one of that name. */
  parameter: string;
}

export interface AnswerCache {
  /** Templates: requests for which all come to the same are one to the service. */
  key: string[];
  durations: Array<{ statusCodes: number[]; milliseconds: number }>;
}

/** envoy.service.auth.v3.Authorization/Check. */
export interface GrpcQuestion {
  protocol: 'GRPC';
  /** Of the call. */
  host: string;
  /** Lines of the request that go with it, lower case. */
  headers: HeaderChoice;
}

/** `*`: all. */
export type HeaderChoice = '*' | string[];

const status = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const template = v.pipe(
  v.string(),
  v.check((text) => templateFault(text) === undefined, 'is no template'),
);
const fieldName = v.pipe(
  key,
  v.check((name) => headerNameFault(name) === undefined, 'is no name of a header that may be changed'),
);
const choice: Shape<HeaderChoice> = v.union([v.literal('*'), v.array(key)]);

const entries = {
  backend: key,
  timeout: v.pipe(count, v.minValue(1)),
  question: v.variant('protocol', [
    object<HttpQuestion>({
      protocol: v.literal('HTTP'),
      method: v.optional(key),
      target: template,
      host: template,
      headers: choice,
      set: v.array(v.object({ name: fieldName, value: v.pipe(template, lineText) })),
      admits: v.picklist(['Only200', 'Successful']),
      refusals: v.optional(v.array(status)),
      toBackend: v.union([v.literal('*'), v.array(fieldName)]),
      cookies: v.picklist(['Success', 'Always', 'Never']),
      signIn: v.optional(object<SignIn>({ url: template, parameter: v.string() })),
      cache: v.optional(
        object<AnswerCache>({
          key: v.array(template),
          durations: v.array(v.object({ statusCodes: v.array(status), milliseconds: count })),
        }),
      ),
    }) as never,
    object<GrpcQuestion>({ protocol: v.literal('GRPC'), host: template, headers: choice }) as never,
  ]) as unknown as Shape<HttpQuestion | GrpcQuestion>,
  body: v.optional(object<QuestionBody>({ maxBytes: v.pipe(count, v.minValue(1)), partial: v.boolean() })),
  onFailure: object<FailedQuestion>({ open: v.boolean(), statusCode: status }),
};
export const externalAuthFields: { readonly [F in keyof ExternalAuth]-?: Shape<ExternalAuth[F]> } = entries;

/** Lines that are made for the service may hold what lets the gateway ask it. */
export function shownExternalAuth(auth: ExternalAuth): ExternalAuth {
  if (auth.question.protocol === 'GRPC') return auth;
  const set = auth.question.set.map(({ name }) => ({ name, value: 'redacted' }));
  return { ...auth, question: { ...auth.question, set } };
}
