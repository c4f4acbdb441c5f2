import type { ConfigObject, ConfigRef, Listener, ListenerState } from '../../config/index.ts';
import { deliveryKey } from '../../config/index.ts';
import { equal, type Index } from '../../graph/index.ts';
import type { TranslateOptions } from '../inputs.ts';
import type { Lookup } from '../lookup.ts';

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

export function socketReport(proxy: string, { key, ...state }: ListenerState): SocketReport {
  return { listener: key, proxy, ...state };
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

/** Among objects that something needs to be served, one that a data plane could not use. */
export function rejected(look: Lookup, fleet: string, refs: ReadonlyArray<ConfigRef>): Progress | undefined {
  for (const ref of refs) {
    const rejection = look.context.fetch(look.rejections, deliveryKey(fleet, ref));
    if (rejection === undefined) continue;
    return { state: 'failed', code: rejection.code, message: `${ref.kind} ${ref.key}: ${rejection.message}` };
  }
  return undefined;
}

/** A listener serves when every data plane took its form and has its socket open. */
export function listenerProgress(look: Lookup, sockets: Index<SocketReport>, listener: Listener): Progress {
  const fleet = fleetOf(look.options, listener.gateway);
  const certificates = (listener.tls?.certificates ?? []).map((key): ConfigRef => ({ kind: 'Certificate', key }));
  const trust = (listener.tls?.clientValidation?.trust ?? []).map((key): ConfigRef => ({ kind: 'TrustBundle', key }));
  const progress = rejected(look, fleet, [...certificates, ...trust]) ?? delivered(look, fleet, listener);
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
