import type { HTTPRouteFilter } from '../../api/index.ts';
import { headerLines } from './header-lines.ts';
import type { KongPluginKind } from './plugin.ts';

const BESIDE_HEADERS = ['body', 'querystring'];

export const requestTransformer: KongPluginKind = {
  plugin: 'request-transformer',
  guards: false,
  read(config) {
    const filters: HTTPRouteFilter[] = [];
    config.lost('http_method', 'methods are not changed here');
    const modifier = headerLines(config, 'HTTPRoute filter RequestHeaderModifier', BESIDE_HEADERS);
    if (Object.keys(modifier).length > 0) {
      filters.push({ type: 'RequestHeaderModifier', requestHeaderModifier: modifier });
    }
    const uri = config.object('replace')?.text('uri', { ours: 'HTTPRoute filter URLRewrite path ReplaceFullPath' });
    if (uri === undefined) return { filters };
    if (!uri.startsWith('/') || uri.includes('$(')) {
      config.refuse('replace.uri', 'is no plain path: a RewritePolicy rewrites by regular expressions');
      return { filters };
    }
    const path = { type: 'ReplaceFullPath' as const, replaceFullPath: uri };
    return { filters: [...filters, { type: 'URLRewrite', urlRewrite: { path } }] };
  },
};
