/** A KongPlugin as something of ours. */
import type { KongClusterPlugin, KongPlugin } from '../../api/index.ts';
import { Fields } from '../fields.ts';
import { type Finding, findingText, isLost } from '../finding.ts';
import type { PluginParts, PluginSite } from './plugin.ts';
import { HARMLESS, PLUGINS, WRITTEN_BY_HAND } from './table.ts';

export interface PluginReading {
  plugin: string;
  parts: PluginParts;
  findings: Finding[];
  /** Why what it acts on is refused. */
  broken?: string;
}

/** Undefined: it does nothing. */
export function readPlugin(object: KongPlugin | KongClusterPlugin, site: PluginSite): PluginReading | undefined {
  const { plugin, config = {}, disabled, metadata } = object;
  if (disabled === true) return undefined;
  const kind = PLUGINS.get(plugin);
  const named = `${object.kind} ${metadata.name} (${plugin})`;
  if (kind === undefined) {
    return { plugin, parts: {}, ...unread(plugin, named) };
  }
  const fields = new Fields(config, 'config');
  const parts = kind.read(fields, site);
  const findings = [...aroundConfig(object), ...fields.done()];
  const lost = findings.filter(isLost);
  const serves = Object.keys(parts.policies ?? {}).length + (parts.filters?.length ?? 0) > 0;
  // What does a part of a guard's work looks like all of it.
  if (lost.length === 0 || (!kind.guards && (serves || lost.length > 0))) return { plugin, parts, findings };
  return { plugin, parts: {}, findings, broken: `${named}: ${lost.map(findingText).join('; ')}` };
}

function unread(plugin: string, named: string): Pick<PluginReading, 'findings' | 'broken'> {
  const beside = HARMLESS.get(plugin);
  if (beside !== undefined) return { findings: [{ field: 'plugin', fate: 'Differs', why: `is not read: ${beside}` }] };
  const way = WRITTEN_BY_HAND.get(plugin);
  const why = way === undefined ? `plugin ${plugin} has nothing like it here` : `plugin ${plugin} is not read`;
  return {
    findings: [{ field: 'plugin', fate: 'Lost', why: way === undefined ? why : `${why}: ${way}` }],
    broken: `${named}: ${why}, and may guard what it acts on${way === undefined ? '' : `; ${way}, and take it out of the list`}`,
  };
}

/** What stands beside config. */
function aroundConfig(object: KongPlugin | KongClusterPlugin): Finding[] {
  const { configFrom, configPatches, protocols, ordering } = object;
  const findings: Finding[] = [];
  const secret = 'what stands in a Secret is not read for settings: write config';
  if (configFrom !== undefined) findings.push({ field: 'configFrom', fate: 'Lost', why: secret });
  if (configPatches !== undefined) findings.push({ field: 'configPatches', fate: 'Lost', why: secret });
  if (ordering !== undefined)
    findings.push({ field: 'ordering', fate: 'Differs', why: 'the order is always the same' });
  if (protocols !== undefined && !(protocols.includes('http') && protocols.includes('https'))) {
    findings.push({ field: 'protocols', fate: 'Differs', why: 'it acts on http and https alike' });
  }
  return findings;
}
