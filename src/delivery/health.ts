/**
 * Whether a load balancer may send traffic: the sources are read, the data planes have answered to the first config, and
 * no drain has begun. What one tenant wrote, or a port that is taken, does not take the others out of service.
 */
import type { Fleet } from './fleet.ts';
import { type ListenerView, whyNot } from './listener-view.ts';

export interface Health {
  ready: boolean;
  /** One sentence: what is waited for, or how much serves. */
  reason: string;
}

/** One line of a detailed answer. */
export interface HealthCheck {
  name: string;
  ok: boolean;
  message: string;
}

/** In this order, but that draining can follow any of them. */
export type Phase = 'reading' | 'delivering' | 'synced' | 'draining';

export interface HealthFacts {
  phase: Phase;
  /** What cannot be read yet; '' where nothing is missing. */
  missing: string;
  listeners: ListenerView[];
  /** Workers of this process, and which of them do not answer. */
  workers?: Pick<Fleet, 'names' | 'silent'> | undefined;
}

export function healthOf({ phase, missing, listeners, workers }: HealthFacts): Health {
  switch (phase) {
    case 'reading':
      return { ready: false, reason: missing === '' ? 'reading the manifests' : `waiting for ${missing}` };
    case 'delivering':
      return { ready: false, reason: 'waiting until every data plane has applied the first config' };
    case 'draining':
      return { ready: false, reason: 'draining' };
    case 'synced': {
      const { names = [], silent = [] } = workers ?? {};
      if (silent.length > 0 && silent.length === names.length) return { ready: false, reason: 'no worker answers' };
      if (listeners.length === 0) return { ready: true, reason: 'nothing to serve: no Gateway has a listener' };
      const serving = listeners.filter(({ state }) => state === 'serving').length;
      return { ready: true, reason: `${serving} of ${listeners.length} listeners serve` };
    }
  }
}

/** What stands behind the answer, and each listener by itself. */
export function healthChecks({ phase, missing, listeners, workers }: HealthFacts): HealthCheck[] {
  const synced = phase === 'synced' || phase === 'draining';
  return [
    { name: 'sources', ok: phase !== 'reading', message: phase === 'reading' ? missing || 'being read' : 'read' },
    { name: 'config', ok: synced, message: synced ? 'applied' : 'not applied yet' },
    { name: 'traffic', ok: phase !== 'draining', message: phase === 'draining' ? 'draining' : 'taken' },
    ...(workers?.silent ?? []).map((name) => ({ name: `worker ${name}`, ok: false, message: 'does not answer' })),
    ...listeners.map((one) => {
      const ok = one.state === 'serving';
      return { name: `listener ${one.key}`, ok, message: ok ? `serves on ${one.bound.join(', ')}` : whyNot(one) };
    }),
  ];
}
