import type { HTTPRequestRedirectFilter } from '../../api/index.ts';
import type { KongPluginKind } from './plugin.ts';

const MOVED = 301;
const STATUSES: readonly number[] = [301, 302, 303, 307, 308];
const OURS = 'HTTPRoute filter RequestRedirect';

export const redirect: KongPluginKind = {
  plugin: 'redirect',
  guards: true,
  read(config) {
    const location = config.text('location', { ours: OURS }) ?? '';
    const statusCode = config.number('status_code', { ours: `${OURS} statusCode` }) ?? MOVED;
    const keeps = config.flag('keep_incoming_path', { ours: `${OURS}, without path` }) ?? false;
    if (!STATUSES.includes(statusCode)) config.refuse('status_code', `must be one of ${STATUSES.join(', ')}`);
    const url = URL.canParse(location) ? new URL(location) : undefined;
    const scheme = url?.protocol.slice(0, -1);
    if (url === undefined || (scheme !== 'http' && scheme !== 'https') || url.username !== '') {
      config.refuse('location', 'must be an address such as https://shop.example/sale');
      return {};
    }
    if (url.search !== '' || url.hash !== '') {
      config.refuse('location', 'has a query or a fragment, which a redirect here does not set: leave it out');
    }
    const filter: HTTPRequestRedirectFilter = {
      scheme,
      hostname: url.hostname,
      statusCode: statusCode as HTTPRequestRedirectFilter['statusCode'],
    };
    if (url.port !== '') filter.port = Number(url.port);
    if (!keeps) {
      filter.path = { type: 'ReplaceFullPath', replaceFullPath: url.pathname };
      config.findings.push({
        field: config.at('location'),
        fate: 'Differs',
        ours: OURS,
        why: "the request's query stays, which Kong leaves out",
      });
    }
    return { filters: [{ type: 'RequestRedirect', requestRedirect: filter }] };
  },
};
