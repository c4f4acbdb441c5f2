import type { AnyResource, ResponseSettings } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { ownPolicy } from '../ours.ts';
import { extensionTargets, withoutExtension } from '../suggest/extension.ts';
import { referenceTo } from '../suggest/target.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { ENVOY_GROUP } from './group.ts';

const KIND = 'HTTPRouteFilter';

export const routeFilter: VendorKind = {
  group: ENVOY_GROUP,
  kind: KIND,
  suggest(spec, { namespace, name, site }) {
    spec.lost('credentialInjection', 'write a RequestHeaderModifier filter with the line');
    spec.lost('matches', 'rules match headers: a cookie is matched as part of the header Cookie');
    const rewritten = rewriteOf(spec.object('urlRewrite'));
    const directResponse = responseOf(spec.object('directResponse'));
    if (rewritten === undefined && directResponse === undefined) return {};
    const targetRefs = extensionTargets(site, { kind: KIND, namespace, name }).map(referenceTo);
    if (targetRefs.length === 0) {
      spec.refuse('extensionRef', 'no HTTPRoute refers to it: check it together with its routes');
      return {};
    }
    const objects: AnyResource[] = [];
    if (rewritten !== undefined) {
      objects.push(ownPolicy('RewritePolicy', { namespace, name }, { targetRefs, paths: [rewritten] }));
    }
    if (directResponse !== undefined) {
      objects.push(ownPolicy('ResponsePolicy', { namespace, name }, { targetRefs, directResponse }));
    }
    return { objects, edits: withoutExtension(site, { kind: KIND, namespace, name }) };
  },
};

function rewriteOf(rewrite: Fields | undefined): { pattern: string; substitution: string } | undefined {
  rewrite?.lost('hostname', 'write a URLRewrite filter with hostname');
  rewrite?.lost('appendXForwardedHost', 'backends are always told the host in X-Forwarded-Host');
  const path = rewrite?.object('path');
  path?.oneOf('type', ['ReplaceRegexMatch']);
  const match = path?.object('replaceRegexMatch');
  const pattern = match?.text('pattern', { ours: 'RewritePolicy paths[].pattern' });
  const substitution = match?.text('substitution', { ours: 'RewritePolicy paths[].substitution' });
  if (pattern === undefined || substitution === undefined) return undefined;
  if (!pattern.startsWith('^') || !pattern.endsWith('$')) {
    match!.refuse(
      'pattern',
      'replaces a part of the path; here the substitution is the whole new path: write ^, $ and groups for the rest',
    );
    return undefined;
  }
  return { pattern, substitution: substitution.replaceAll('$', '$$$$').replace(/\\(\d)/g, '$$$1') };
}

type DirectResponse = NonNullable<ResponseSettings['directResponse']>;
const OK = 200;

function responseOf(response: Fields | undefined): DirectResponse | undefined {
  if (response === undefined) return undefined;
  const at = 'ResponsePolicy directResponse';
  const statusCode = response.number('statusCode', { ours: `${at}.statusCode` }) ?? OK;
  const contentType = response.text('contentType', { ours: `${at}.contentType` });
  response.lost('header', 'write a ResponseHeaderModifier filter');
  const body = response.object('body');
  body?.text('type');
  body?.lost('valueRef', 'write the text itself');
  const inline = body?.text('inline', { ours: `${at}.body` });
  return {
    statusCode,
    ...(contentType === undefined ? {} : { contentType }),
    ...(inline === undefined ? {} : { body: inline }),
  };
}
