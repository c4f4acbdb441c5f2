import type { Ack, ConfigObject, Listener } from '../config/index.ts';
import { deliveryKey } from '../config/index.ts';
import { equal, type Index } from '../graph/index.ts';
import type { TranslateOptions } from './inputs.ts';
import type { Lookup } from './lookup.ts';

/** How far a config object has come: what Programmed is made of. */
export interface Progress {
  state: 'serving' | 'pending' | 'failed';
  /** Where failed. */
  code?: string;
  message?: string;
}

/** One data plane's socket of one listener. */
export interface SocketReport {
  listener: string;
  proxy: string;
  state: 'serving' | 'failed';
  bound: string[];
  code?: string;
  message?: string;
}

export function socketReports({ proxy, listeners }: Ack): SocketReport[] {
  return listeners.map(({ key, ...state }) => ({ listener: key, proxy, ...state }));
}

/** Which data planes serve a Gateway. */
export function fleetOf(options: TranslateOptions, gateway: string): string {
  return options.shared ? '' : gateway;
}

/** Progress of this very form: what is known about an older one says nothing about it. */
export function delivered(look: Lookup, fleet: string, object: ConfigObject): Progress {
  const delivery = look.context.fetch(look.inputs.deliveries, deliveryKey(fleet, object));
  if (delivery === undefined || !equal(delivery.object, object)) return { state: 'pending' };
  const { state, code, message } = delivery;
  return state === 'rejected' ? { state: 'failed', code, message } : { state };
}

/** A listener serves when every data plane took its form and has its socket open. */
export function listenerProgress(look: Lookup, sockets: Index<SocketReport>, listener: Listener): Progress {
  const progress = delivered(look, fleetOf(look.options, listener.gateway), listener);
  if (progress.state !== 'serving') return progress;
  const reports = look.context.fetch(sockets, listener.key) ?? [];
  const failed = reports.find(({ state }) => state === 'failed');
  if (failed !== undefined) {
    return {
      state: 'failed',
      code: failed.code,
      message: `${failed.proxy}: ${failed.message ?? 'its socket is not open'}`,
    };
  }
  return { state: reports.length > 0 ? 'serving' : 'pending' };
}

/** All must serve; what failed is told first. */
export function combined(progresses: ReadonlyArray<Progress>): Progress {
  return (
    progresses.find(({ state }) => state === 'failed') ??
    progresses.find(({ state }) => state === 'pending') ?? { state: 'serving' }
  );
}
