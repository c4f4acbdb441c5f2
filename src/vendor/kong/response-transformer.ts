import { headerLines } from './header-lines.ts';
import type { KongPluginKind } from './plugin.ts';

const BESIDE_HEADERS = ['json', 'json_types'];

export const responseTransformer: KongPluginKind = {
  plugin: 'response-transformer',
  guards: false,
  read(config) {
    const modifier = headerLines(config, 'HTTPRoute filter ResponseHeaderModifier', BESIDE_HEADERS);
    if (Object.keys(modifier).length === 0) return {};
    return { filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: modifier }] };
  },
};
