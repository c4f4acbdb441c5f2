/** Whether a run is ready: the first sync is complete, and every listener serves. */
import type { ListenerView } from './listener-view.ts';

export interface Health {
  ready: boolean;
  /** One sentence: what is waited for, or that everything serves. */
  reason: string;
}

export interface HealthFacts {
  /** The sources have been read, and every proxy has answered to the first config. */
  synced: boolean;
  draining: boolean;
  listeners: ListenerView[];
}

export function healthOf({ synced, draining, listeners }: HealthFacts): Health {
  if (draining) return { ready: false, reason: 'draining' };
  if (!synced) return { ready: false, reason: 'waiting for the first sync' };
  const missing = listeners.filter(({ state }) => state !== 'serving');
  if (missing.length > 0) return { ready: false, reason: missing.map(sentence).join('; ') };
  if (listeners.length === 0) return { ready: true, reason: 'nothing to serve: no Gateway has a listener' };
  return { ready: true, reason: `${listeners.length} of ${listeners.length} listeners serve` };
}

function sentence({ key, state, code, message }: ListenerView): string {
  return state === 'waiting'
    ? `listener ${key} is not open yet`
    : `listener ${key}: ${code ?? ''} ${message ?? ''}`.trimEnd();
}
