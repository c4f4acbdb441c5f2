/**
 * A RateLimitPolicy as tutorials about the Gateway API show it, in the group of the Gateway API, which has no such kind.
 * It is read as ours.
 */
import { apiVersionOf } from '../api/index.ts';
import { isObject, type JsonObject, type Problem } from './schema/index.ts';

const API_VERSION = 'gateway.networking.k8s.io/v1alpha2';
const UNITS: Readonly<Record<string, string>> = { second: 'Second', minute: 'Minute', hour: 'Hour', day: 'Day' };

export interface TutorialPolicy {
  value: JsonObject;
  warnings: Problem[];
}

/** Undefined: it is none. */
export function tutorialPolicy(value: JsonObject): TutorialPolicy | undefined {
  if (value.apiVersion !== API_VERSION || value.kind !== 'RateLimitPolicy') return undefined;
  const ours = apiVersionOf('RateLimitPolicy');
  const message =
    'is no kind of the Gateway API, though tutorials show it; it is read as ours: ' +
    `write apiVersion ${ours}, spec.targetRefs, and limits with requests and per`;
  const warnings: Problem[] = [{ path: ['kind'], severity: 'warning', message }];
  const spec = isObject(value.spec) ? value.spec : {};
  const { targetRef, rateLimits, ...others } = spec;
  for (const name of Object.keys(others)) warnings.push(unread(['spec', name]));
  const entries = Array.isArray(rateLimits) ? rateLimits : [];
  const limits = entries.flatMap((entry, at) => limitsOf(entry, at, warnings));
  const converted = { targetRefs: targetRef === undefined ? undefined : [targetRef], limits };
  return { value: { ...value, apiVersion: ours, spec: converted }, warnings };
}

function limitsOf(entry: unknown, at: number, warnings: Problem[]): JsonObject[] {
  if (!isObject(entry)) return [{}];
  const { limits, ...others } = entry;
  for (const name of Object.keys(others)) warnings.push(unread(['spec', 'rateLimits', at, name]));
  return [limits].flat().map((limit) => {
    const { requestsPerUnit, unit } = isObject(limit) ? limit : {};
    const per = typeof unit === 'string' ? (UNITS[unit.toLowerCase().replace(/s$/, '')] ?? unit) : unit;
    return { requests: requestsPerUnit, per };
  });
}

function unread(path: Problem['path']): Problem {
  return { path, severity: 'warning', message: 'is not read: write a RateLimitPolicy of ours, which has key and when' };
}
