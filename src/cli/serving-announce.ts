/** What everything that serves tells on standard error: how it started, what changed. Text for people, records for machines. */
import { writeSync } from 'node:fs';
import { type Ack, refKey } from '../config/index.ts';
import { type Applied, type ListenerView, whyNot } from '../delivery/index.ts';
import type { Log, LogFormat, LogLevel } from '../observe/index.ts';
import { type Paint, paintFor } from './style.ts';
import { type Cell, formatTable } from './table.ts';

/** Levels at which a run tells of its start and its problems in text. */
const CHATTY: ReadonlySet<LogLevel> = new Set(['trace', 'debug', 'info', 'warn']);

export function isChatty(level: LogLevel): boolean {
  return CHATTY.has(level);
}

export interface AnnouncerOptions {
  log: Log;
  format: LogFormat;
  /** Nothing but the log, at its level. */
  quiet: boolean;
}

export interface Start {
  version: string;
  listeners: ListenerView[];
  rules: number;
  backends: number;
  echoes: number;
  workers: number;
  admin: string | undefined;
}

export class ServingAnnouncer {
  protected readonly log: Log;
  protected readonly paint: Paint = paintFor(process.stderr);
  /** Nobody but people reads it. */
  protected readonly text: boolean;
  /** Rejections already told, by proxy. */
  readonly #rejected = new Map<string, Set<string>>();

  constructor({ log, format, quiet }: AnnouncerOptions) {
    this.log = log;
    this.text = format === 'text' && !quiet;
  }

  /** The first config is served as far as it can be. */
  started({ version, listeners, rules, backends, echoes, workers, admin }: Start): void {
    if (!this.text) {
      const bound = listeners.map(({ key, state, bound: at, code, message }) => ({
        key,
        state,
        bound: at,
        code,
        message,
      }));
      this.log.info({ listeners: bound, rules, backends, echoes, workers, admin }, 'serving');
      return;
    }
    const table = formatTable(
      { head: ['LISTENER', 'PROTOCOL', 'HOSTNAME', 'ADDRESS'], rows: listeners.map(row) },
      this.paint,
    );
    const parts = [
      counted(rules, 'rule'),
      `${counted(backends, 'backend')}${echoes > 0 ? ` (${echoes} echoed)` : ''}`,
      workers > 1 ? `${workers} workers` : '',
      admin ? `admin on http://${admin}` : '',
    ];
    this.print(
      `daemun ${version}\n${listeners.length > 0 ? table : 'No Gateway has a listener that can be served.\n'}`,
    );
    this.print(`${parts.filter((part) => part !== '').join(', ')}\n`);
  }

  ready(reason: string): void {
    this.log.info({}, `ready: ${reason}`);
  }

  /** It serves since now, or fails. */
  listener(view: ListenerView): void {
    const { key: listener, state, bound, code } = view;
    if (state === 'serving') this.log.info({ listener, bound }, 'listener serves');
    else this.log.warn({ listener, code }, `listener does not serve: ${whyNot(view)}`);
  }

  applied({ version, upserts, removals, took }: Applied): void {
    this.log.info({ version, changed: upserts, removed: removals, took: `${took}ms` }, 'config applied');
  }

  /** What a proxy could not use: each once, however many workers say so. */
  rejected({ proxy, rejected }: Ack): void {
    const told = new Set([...this.#rejected.values()].flatMap((some) => [...some]));
    this.#rejected.set(proxy, new Set(rejected.map((one) => `${refKey(one)} ${one.message}`)));
    for (const { message, code, ...ref } of rejected) {
      const object = refKey(ref);
      if (told.has(`${object} ${message}`)) continue;
      this.log.error({ proxy, object, code }, `not applied, its last good form stays: ${message}`);
    }
  }

  protected print(text: string): void {
    try {
      writeSync(2, text);
    } catch {
      // Whoever read standard error has gone: serving goes on.
    }
  }
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function row(view: ListenerView): Array<string | Cell> {
  const { key, protocol, hostname, state, bound, port } = view;
  if (state === 'serving') return [key, protocol, hostname, { text: bound.join(', '), tone: 'good' }];
  return [key, protocol, hostname, { text: `port ${port}  ${whyNot(view)}`, tone: 'error' }];
}
