/** The account of one exchange: what the metrics count and the access log says. */

import type { ClientConnection } from '../ground/codec.ts';
import type { Head } from '../ground/head.ts';
import { nameHash } from '../ground/head.ts';
import type { PlannedBackend } from '../route/index.ts';
import type { DecisionCounter } from '../state/index.ts';
import type { HttpService } from './service.ts';
import type { RouteRow } from './stats.ts';

const USER_AGENT = nameHash('user-agent');
const REFERER = nameHash('referer');

/** What the access log says of a request's head. */
interface Asked {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly referer: string;
  readonly userAgent: string;
}
/** Of a request that has no line. */
const UNLOGGED: Asked = { method: '', host: '', path: '', query: '', referer: '', userAgent: '' };
const NOT_NOTED: Asked = { method: '', host: '', path: '', query: '', referer: '', userAgent: '' };

export class Account {
  readonly startedAt: number = performance.now();
  /** Milliseconds since the start when the backend's head came, or -1. */
  upstreamDuration = -1;
  bytesIn = 0;
  bytesOut = 0;
  attempts = 0;
  status = 0;
  /** Why it ended otherwise than it should have, or ''. */
  reason = '';
  /** The last thing that a policy decided about it. */
  policy: DecisionCounter | null = null;
  /** Who asks, as a policy found; '': nobody was asked. */
  user = '';
  /** Of the client behind trusted hops; '': who is at the other end of the connection. */
  clientAddress = '';
  listener = '';
  route = '';
  backend = '';
  /** The backend of the plan, which keeps the row that is counted in. */
  planned: PlannedBackend | null = null;
  endpoint = '';
  /** Null where there is no access log. */
  #asked: Asked | null = null;

  /** Takes from the head what the access log needs, while it is there. */
  note(head: Head): void {
    const agent = head.find('user-agent', USER_AGENT);
    const referer = head.find('referer', REFERER);
    this.#asked = {
      method: head.method(),
      host: head.host(),
      path: head.path(),
      query: head.query(),
      referer: referer === -1 ? '' : head.value(referer),
      userAgent: agent === -1 ? '' : head.value(agent),
    };
  }

  /** A key or a token that stands in the query, or in that of the page before. */
  conceal(parameter: string): void {
    const asked = this.#asked;
    if (asked === null) return;
    const question = asked.referer.indexOf('?') + 1;
    if (asked.query === '' && question === 0) return;
    const referer = asked.referer.slice(0, question) + without(asked.referer.slice(question), parameter);
    this.#asked = { ...asked, query: without(asked.query, parameter), referer };
  }

  /** The access log has no line of it. */
  unlog(): void {
    this.#asked = UNLOGGED;
  }

  close(service: HttpService, about: { readonly client: ClientConnection; readonly requestId: string }): void {
    const duration = performance.now() - this.startedAt;
    const row =
      this.planned === null ? service.stats.row(this.route, this.backend) : rowOf(this.planned, this, service);
    const { status, bytesIn, bytesOut } = this;
    row.add({ status, duration: duration / 1000, bytesIn, bytesOut, retries: Math.max(0, this.attempts - 1) });
    if (this.#asked === UNLOGGED) return;
    service.onAccess?.({
      ...(this.#asked ?? NOT_NOTED),
      time: Date.now(),
      requestId: about.requestId,
      protocol: about.client.protocol,
      tlsVersion: about.client.tls?.version ?? '',
      tlsCipher: about.client.tls?.cipher ?? '',
      listener: this.listener,
      client: this.clientAddress === '' ? about.client.remoteAddress : this.clientAddress,
      user: this.user,
      clientPort: this.clientAddress === '' ? about.client.remotePort : 0,
      status: this.status,
      route: this.route,
      backend: this.backend,
      endpoint: this.endpoint,
      duration,
      upstreamDuration: this.upstreamDuration,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      attempts: this.attempts,
      reason: this.reason,
      policy: this.policy === null ? '' : named(this.policy),
      decision: this.policy === null ? '' : this.policy.decision,
    });
  }
}

/** A query that does not say what this parameter is. */
function without(query: string, parameter: string): string {
  const shown = (pair: string): string => (isNamed(pair, parameter) ? `${nameOf(pair)}=redacted` : pair);
  return query.split('&').map(shown).join('&');
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0]!;
}

/** Broken escapes, and what servers take for two pairs, may still hold what it is about. */
function isNamed(pair: string, name: string): boolean {
  const written = nameOf(pair).replaceAll('+', ' ');
  const plain = written.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return plain === name;
}

/** The policy, and what of it decided. */
function named({ policy, rule }: DecisionCounter): string {
  return rule === '' ? policy : `${policy}#${rule}`;
}

function rowOf(planned: PlannedBackend, account: Account, service: HttpService): RouteRow {
  if (planned.row === null || planned.row.forgotten) {
    planned.row = service.stats.row(account.route, account.backend);
  }
  return planned.row;
}
