import type { ClientTrafficPolicy } from '../../api/index.ts';
import { milliseconds } from '../../value/duration.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { compact } from '../suggest/compact.ts';
import { duration, nginxSize } from '../suggest/quantity.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

export const clientSettings: VendorKind = {
  group: NGINX_GROUP,
  kind: 'ClientSettingsPolicy',
  suggest(spec, { namespace, name, targets }) {
    const body = spec.object('body');
    const maxBodyBytes = body && nginxSize(body, 'maxSize', { ours: 'AccessPolicy maxBodyBytes' });
    body?.lost('bufferSize', 'bodies are passed on as they come');
    const ofGateway = targets.filter(({ kind }) => kind === 'Gateway' || kind === 'ListenerSet');
    const timeout = body && bodyTimeout(body, ofGateway.length > 0);
    const keepAlive = kept(spec.object('keepAlive'), ofGateway.length > 0);
    const targetRefs = targets.map(referenceTo);
    const access = maxBodyBytes ? [ownPolicy('AccessPolicy', { namespace, name }, { targetRefs, maxBodyBytes })] : [];
    const client = compact({ body: { timeout }, keepAlive });
    if (client === undefined) return { objects: access };
    const spec_ = { targetRefs: ofGateway.map(referenceTo), ...client };
    return { objects: [...access, ownPolicy('ClientTrafficPolicy', { namespace, name }, spec_)] };
  },
};

function bodyTimeout(body: Fields, isOfGateway: boolean): string | undefined {
  if (isOfGateway) return duration(body, 'timeout', { ours: 'ClientTrafficPolicy body.timeout' });
  body.lost('timeout', 'a ClientTrafficPolicy has body.timeout for listeners, not for routes');
  return undefined;
}

function kept(asked: Fields | undefined, isOfGateway: boolean): ClientTrafficPolicy['spec']['keepAlive'] {
  if (asked === undefined) return undefined;
  asked.lost('time', 'a connection has no age: keepAlive.maxRequests of a ClientTrafficPolicy ends it');
  asked.lost('minTimeout', 'connections that are idle are closed while the data plane ends');
  if (!isOfGateway) {
    for (const field of ['requests', 'timeout']) {
      asked.lost(field, 'a ClientTrafficPolicy has keepAlive for listeners, not for routes');
    }
    return undefined;
  }
  const timeout = asked.object('timeout');
  timeout?.lost('header', 'no line tells clients how long a connection is kept');
  const maxRequests = asked.number('requests', { ours: 'ClientTrafficPolicy keepAlive.maxRequests' });
  const idleTimeout = timeout && duration(timeout, 'server', { ours: 'ClientTrafficPolicy keepAlive.idleTimeout' });
  // There, 0 of either keeps no connection.
  if (maxRequests === 0 || (idleTimeout !== undefined && milliseconds(idleTimeout) === 0)) return { maxRequests: 1 };
  return compact({ maxRequests, idleTimeout }) as ClientTrafficPolicy['spec']['keepAlive'];
}
