/**
 * What every filter promises, and a scope that records what a filter asks for. Each filter's test calls
 * `describeFilter` with one request it acts on.
 */
import { describe, expect, it } from 'vitest';
import type { Filter } from '../../config/index.ts';
import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import { type PlainRequest, plainHead } from '../route/plain-request.ts';
import type { DecisionCounter } from '../state/index.ts';
import {
  ANSWERED,
  CONTINUE,
  type CompiledFilter,
  type Denial,
  type FilterScope,
  HeaderPatch,
  type KeptAnswer,
  type MakeTransform,
  ORDER,
  type Slot,
  type Waiting,
} from './index.ts';
import { compileFilter } from './registry.ts';

export interface Answer {
  status: number;
  headers: Array<readonly [string, string]>;
  body: string;
}

/** A test double of the exchange. */
export class RecordedScope implements FilterScope {
  readonly head: Head;
  readonly client: ClientConnection;
  readonly clientAddress: string;
  readonly trusted: boolean = false;
  readonly listener = 'default/gw/http';
  readonly route = 'HTTPRoute/default/r/0';
  readonly backend = '';
  readonly told: string[] = [];
  readonly requestId = 'request-1';
  readonly matchedPrefix: number;
  readonly listenerPort: number;
  target = '';
  authority = '';
  requestPatch: HeaderPatch = HeaderPatch.NONE;
  responsePatch: HeaderPatch = HeaderPatch.NONE;
  readonly dropped: string[] = [];
  mirrors: string[] = [];
  transforms: MakeTransform[] = [];
  answer: Answer | undefined;
  denial: Denial | undefined;
  readonly #kept = new Map<Slot<unknown>, unknown>();

  constructor(asked: Asked) {
    this.head = plainHead(plainRequest(asked));
    this.client = clientOf(asked.scheme ?? 'http');
    this.clientAddress = asked.from ?? this.client.remoteAddress;
    this.matchedPrefix = asked.prefix ?? this.head.pathEnd - this.head.pathStart;
    this.listenerPort = asked.port ?? 80;
  }

  limitBody(): void {}

  setTarget(target: string): void {
    this.target = target;
  }

  dropParameter(name: string): void {
    this.dropped.push(name);
  }

  setAuthority(authority: string): void {
    this.authority = authority;
  }

  patchRequest(patch: HeaderPatch): void {
    this.requestPatch = this.requestPatch.followedBy(patch);
  }

  patchResponse(patch: HeaderPatch): void {
    this.responsePatch = this.responsePatch.followedBy(patch);
  }

  mirror(backend: string): void {
    this.mirrors.push(backend);
  }

  respondKept({ status, lines, body }: KeptAnswer): void {
    this.answer = { status, headers: [['lines', lines]], body: body.toString() };
  }

  respond(status: number, headers: ReadonlyArray<readonly [string, string]>, body: string): void {
    this.answer = { status, headers: [...headers], body };
  }

  transformBody(make: MakeTransform): void {
    this.transforms.push(make);
  }

  tell(counter: DecisionCounter): void {
    counter.value++;
    this.told.push(`${counter.policy} ${counter.rule} ${counter.decision}`);
  }

  tellOwn(filter: string, decision: string): void {
    this.told.push(`${filter} ${decision}`);
  }

  conceal(): void {}

  unlog(): void {}

  identify(user: string): void {
    this.told.push(user);
  }

  deny(denial: Denial): void {
    this.denial = denial;
  }

  wait(): Waiting {
    throw new Error('a filter that waits is tested by an exchange');
  }

  collectBody(): void {
    throw new Error('a filter that waits is tested by an exchange');
  }

  ask(): void {
    throw new Error('a filter that asks is tested by an exchange');
  }

  keep<T>(slot: Slot<T>, value: T): void {
    this.#kept.set(slot, value);
  }

  kept<T>(slot: Slot<T>): T | undefined {
    return this.#kept.get(slot) as T | undefined;
  }

  /** Value of a header of the answer, or undefined. Names are compared without case. */
  answered(name: string): string | undefined {
    return this.answer?.headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
  }
}

export interface Asked extends Partial<PlainRequest> {
  scheme?: 'http' | 'https';
  /** Length of the matched prefix; absent: the whole path. */
  prefix?: number;
  port?: number;
  /** Address of the client. */
  from?: string;
}

/** Runs one request through a filter. */
export function run(filter: CompiledFilter, asked: Asked): RecordedScope {
  const scope = new RecordedScope(asked);
  const verdict = filter.onRequest(scope);
  expect(verdict).toBe(scope.answer === undefined && scope.denial === undefined ? CONTINUE : ANSWERED);
  return scope;
}

/** Bytes that must not get from a request into what is sent: line ends, controls, quotes, markup, bytes beyond ASCII. */
const HOSTILE = 'a\r\nX-Evil: 1\u0000"<b>\u00ff';

export function describeFilter(config: Filter, acted: Asked): void {
  describe(`${config.type} as a filter`, () => {
    it('has the type of its config', () => {
      expect(compileFilter(config).type).toBe(config.type);
    });

    it('acts at a step of the one order', () => {
      expect(ORDER).toContain(compileFilter(config).step);
    });

    it('does not touch the request’s head', () => {
      const scope = new RecordedScope(acted);
      const before = snapshot(scope.head);
      compileFilter(config).onRequest(scope);
      expect(snapshot(scope.head)).toEqual(before);
    });

    it('does the same to the same request, however many came before', () => {
      const filter = compileFilter(config);
      const first = outcome(run(filter, acted));
      run(filter, { host: 'other.example', target: '/other', headers: [['origin', 'https://other.example']] });
      expect(outcome(run(filter, acted))).toEqual(first);
    });

    it('lets nothing of a hostile request into heads as it is', () => {
      const headers = acted.headers?.map(([name]) => [name, HOSTILE] as const) ?? [];
      const scope = run(compileFilter(config), { ...acted, headers: [...headers, ['x', HOSTILE]] });
      const target = run(compileFilter(config), { ...acted, target: `${acted.target ?? '/'}?${HOSTILE}` });
      const sent = [scope, target].flatMap((done) => [
        ...(done.answer?.headers.flat() ?? []),
        ...[done.requestPatch, done.responsePatch].flatMap((patch) => patch.lines.flatMap((l) => [l.name, l.value])),
      ]);
      for (const text of sent) expect(text).toMatch(/^[\x20-\x7e]*$/);
    });
  });
}

function outcome({ target, authority, requestPatch, responsePatch, mirrors, answer }: RecordedScope) {
  return { target, authority, request: requestPatch.text, response: responsePatch.text, mirrors, answer };
}

function snapshot(head: Head): unknown {
  return { ...head, fields: [...head.fields.slice(0, head.count * 5)], drop: [...head.drop] };
}

function plainRequest(asked: Asked): PlainRequest {
  return {
    method: asked.method ?? 'GET',
    host: asked.host ?? 'www.example.com',
    target: asked.target ?? '/',
    headers: asked.headers ?? [],
  };
}

function clientOf(scheme: string): ClientConnection {
  return {
    remoteAddress: '192.0.2.1',
    remotePort: 50_000,
    localAddress: '192.0.2.2',
    localPort: 80,
    scheme,
    tls: undefined,
    protocol: 'HTTP/1.1',
    forwardedText: '',
    forwardedPort: 0,
  };
}
