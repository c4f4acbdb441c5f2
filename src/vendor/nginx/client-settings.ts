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
    const keepAlive = spec.object('keepAlive');
    for (const field of ['requests', 'time', 'minTimeout']) {
      keepAlive?.lost(field, 'idle connections of clients are closed by --idle-timeout alone');
    }
    keepAlive?.lost('timeout', 'idle connections of clients are closed by --idle-timeout alone');
    const targetRefs = targets.map(referenceTo);
    const access = maxBodyBytes ? [ownPolicy('AccessPolicy', { namespace, name }, { targetRefs, maxBodyBytes })] : [];
    const client = compact({ body: { timeout } });
    if (client === undefined) return { objects: access };
    const spec_ = { targetRefs: ofGateway.map(referenceTo), ...client };
    return { objects: [...access, ownPolicy('ClientTrafficPolicy', { namespace, name }, spec_)] };
  },
};

function bodyTimeout(body: Parameters<typeof duration>[0], isOfGateway: boolean): string | undefined {
  if (isOfGateway) return duration(body, 'timeout', { ours: 'ClientTrafficPolicy body.timeout' });
  body.lost('timeout', 'a ClientTrafficPolicy has body.timeout for listeners, not for routes');
  return undefined;
}
