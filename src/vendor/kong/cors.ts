import type { HTTPCORSFilter } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { KongPluginKind } from './plugin.ts';

const OURS = 'HTTPRoute filter CORS';
/** What browsers take where nobody says. */
const MAX_AGE = 5;
/** A plain origin, or a host name that Kong takes for one of either scheme. */
const ORIGIN = /^(?:https?:\/\/)?(?:\*\.)?[A-Za-z0-9.-]+(?::\d{1,5})?$/;

/** What it cannot do lets nobody in whom a browser keeps out: it is told, and the rest is served. */
export const cors: KongPluginKind = {
  plugin: 'cors',
  guards: false,
  read(config) {
    const filter: HTTPCORSFilter = {
      allowOrigins: originsOf(config),
      allowMethods: config.texts('methods', { ours: `${OURS} allowMethods` }) ?? ['*'],
      allowHeaders: allowedHeaders(config),
      maxAge: config.number('max_age', { ours: `${OURS} maxAge` }) || MAX_AGE,
    };
    const exposed = config.texts('exposed_headers', { ours: `${OURS} exposeHeaders` }) ?? [];
    if (exposed.length > 0) filter.exposeHeaders = exposed;
    if (config.flag('credentials', { ours: `${OURS} allowCredentials` })) filter.allowCredentials = true;
    config.only('private_network', false, 'is not answered: browsers ask before they reach private networks');
    config.only('preflight_continue', false, 'preflights are always answered here');
    config.only('allow_origin_absent', true, 'what has no Origin gets no CORS headers');
    return { filters: [{ type: 'CORS', cors: filter }] };
  },
};

/** Kong gives back what a browser asks for where none are named. */
function allowedHeaders(config: Fields): string[] {
  const named = config.texts('headers', { ours: `${OURS} allowHeaders` }) ?? [];
  return named.length === 0 ? ['*'] : named;
}

function originsOf(config: Fields): string[] {
  const origins = config.texts('origins', { ours: `${OURS} allowOrigins` }) ?? [];
  if (origins.length === 0 || origins.includes('*')) return ['*'];
  return origins.flatMap((origin) => {
    if (!ORIGIN.test(origin)) {
      config.refuse('origins', `${origin} is a regular expression, which is not served: list the origins, or *.name`);
      return [];
    }
    return origin.includes('://') ? [origin] : [`http://${origin}`, `https://${origin}`];
  });
}
