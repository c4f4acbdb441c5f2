/** All plugins that an object's annotation names, put together. */
import type {
  AccessRules,
  Authentication,
  HTTPRouteFilter,
  KongClusterPlugin,
  KongPlugin,
  Secret,
} from '../../api/index.ts';
import { findingText, isLost } from '../finding.ts';
import type { OwnSettings } from '../ours.ts';
import { PLUGINS_ANNOTATION } from './annotation.ts';
import { CLASS_ANNOTATION, credentialsIn, otherClass } from './credential.ts';
import type { KongLook } from './kong-look.ts';
import type { PluginSite } from './plugin.ts';
import { type PluginReading, readPlugin } from './plugin-reading.ts';
import { AUTHENTICATING, PLUGINS } from './table.ts';

/** Whose annotation it is. */
export interface Annotated {
  kind: string;
  namespace: string;
  name: string;
  annotations: Readonly<Record<string, string>>;
}

/** What there is to say of an annotation. */
export interface Note {
  annotation: string;
  message: string;
}

export interface AttachedPlugins {
  policies: OwnSettings;
  filters: HTTPRouteFilter[];
  secrets: Secret[];
  notes: Note[];
  /** By plugin, why what they act on is refused. */
  broken: string[];
  /** Of each plugin that is there, what became of it. */
  readings: Array<PluginReading & { object: string }>;
}

const NOTHING: AttachedPlugins = { policies: {}, filters: [], secrets: [], notes: [], broken: [], readings: [] };

/** `also`: plugins that hold there without being named. */
export function attachedPlugins(
  on: Annotated,
  look: KongLook,
  also: readonly KongClusterPlugin[] = [],
): AttachedPlugins {
  const named = (on.annotations[PLUGINS_ANNOTATION] ?? '').split(',').map((name) => name.trim());
  const names = named.filter((name) => name !== '');
  if (names.length + also.length === 0) return NOTHING;
  const broken: string[] = [];
  const chosen = names.flatMap((name) => {
    const plugin = lookUp(on, name, look);
    if (typeof plugin !== 'string') return [plugin];
    broken.push(plugin);
    return [];
  });
  const found = [...chosen, ...also];
  const identity = identityOf(found);
  const order = [...PLUGINS.keys()];
  const readings = found
    .toSorted((a, b) => order.indexOf(a.plugin) - order.indexOf(b.plugin))
    .flatMap((object) => {
      const site = siteOf(on, { look, identity, plugin: object.metadata.name });
      const reading = readPlugin(object, site);
      return reading === undefined ? [] : [{ ...reading, object: `${object.kind} ${object.metadata.name}` }];
    });
  for (const { plugin } of repeated(readings)) {
    broken.push(`two plugins ${plugin} are named: which of them counts is not clear; name one`);
  }
  return put(readings, broken);
}

/** Who has a key to sign with writes any `sub` into his tokens, and no `iss` but his own. */
function identityOf(plugins: ReadonlyArray<KongPlugin | KongClusterPlugin>): PluginSite['identity'] {
  const asked = plugins.filter(({ plugin, disabled }) => disabled !== true && AUTHENTICATING.has(plugin));
  if (asked.length === 0) return undefined;
  return asked.some(({ plugin }) => plugin === 'jwt') ? 'iss' : 'sub';
}

function repeated(readings: readonly PluginReading[]): PluginReading[] {
  return readings.filter(({ plugin }, at) => readings.findIndex((one) => one.plugin === plugin) < at);
}

/** Of the same namespace first, then of the cluster; a text: why it cannot be had. */
function lookUp(on: Annotated, text: string, look: KongLook): KongPlugin | KongClusterPlugin | string {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const own = look.plugin({ namespace: on.namespace, name: text }) ?? look.clusterPlugin(text);
    const other = own?.kind === 'KongClusterPlugin' ? otherClass(own.metadata.annotations) : undefined;
    if (other !== undefined) {
      return `KongClusterPlugin ${text} is of the ingress class ${other}: take its annotation ${CLASS_ANNOTATION} away if it is to act here`;
    }
    return own ?? `there is no KongPlugin ${on.namespace}/${text}, and no KongClusterPlugin ${text}`;
  }
  const to = { namespace: text.slice(0, colon), name: text.slice(colon + 1) };
  const refusal = to.namespace === on.namespace ? undefined : look.refusal(on, to);
  if (refusal !== undefined) return `KongPlugin ${to.namespace}/${to.name} is in another namespace: ${refusal}`;
  return look.plugin(to) ?? `there is no KongPlugin ${to.namespace}/${to.name}`;
}

/** No name of an object has a colon. */
export const HIDDEN = 'kong:';

interface SiteScope {
  look: KongLook;
  identity: PluginSite['identity'];
  plugin: string;
}

function siteOf(on: Annotated, { look, identity, plugin }: SiteScope): PluginSite {
  const { namespace } = on;
  return {
    namespace,
    name: look.hidden ? `${HIDDEN}${on.kind}:${on.name}:${plugin}` : `${on.name}-${plugin}`,
    ...(identity === undefined ? {} : { identity }),
    credentials: (type) => credentialsIn(look, namespace, type),
  };
}

function put(readings: AttachedPlugins['readings'], broken: string[]): AttachedPlugins {
  const all: AttachedPlugins = { ...NOTHING, notes: [], broken, readings };
  for (const { parts } of readings) all.policies = merged(all.policies, parts.policies ?? {});
  all.filters = readings.flatMap(({ parts }) => parts.filters ?? []);
  all.secrets = readings.flatMap(({ parts }) => parts.secrets ?? []);
  for (const { object, plugin, findings, broken: why } of readings) {
    if (why !== undefined) broken.push(why);
    const told = findings.filter((one) => one.fate === 'Differs' || (isLost(one) && why === undefined));
    if (told.length === 0) continue;
    const message = `${object} (${plugin}): ${told.map(findingText).join('; ')}`;
    all.notes.push({ annotation: PLUGINS_ANNOTATION, message });
  }
  return all;
}

function merged(one: OwnSettings, other: OwnSettings): OwnSettings {
  const both: OwnSettings = { ...one, ...other };
  if (one.AccessPolicy && other.AccessPolicy) both.AccessPolicy = bothAccess(one.AccessPolicy, other.AccessPolicy);
  if (one.AuthenticationPolicy && other.AuthenticationPolicy) {
    both.AuthenticationPolicy = bothAuthentications(one.AuthenticationPolicy, other.AuthenticationPolicy);
  }
  return both;
}

function bothAccess(one: AccessRules, other: AccessRules): AccessRules {
  return { ...other, ...one };
}

/** Each of them must let the request pass. Claims are the first one's, where both say the same: so are the lines. */
function bothAuthentications(one: Authentication, other: Authentication): Authentication {
  const lines = [...(other.claimsToHeaders ?? []), ...(one.claimsToHeaders ?? [])];
  const claimsToHeaders = [...new Map(lines.map((line) => [line.name, line])).values()];
  return { methods: [...one.methods, ...other.methods], require: 'All', claimsToHeaders };
}
