/** Whether a run is ready: the first sync is complete, and every listener serves. */
import type { Readiness } from '../admin/index.ts';
import type { ListenerView } from './listener-view.ts';

export interface ReadinessFacts {
  /** The sources have been read, and every proxy has answered to the first config. */
  synced: boolean;
  draining: boolean;
  listeners: ListenerView[];
}

export function readinessOf({ synced, draining, listeners }: ReadinessFacts): Readiness {
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
