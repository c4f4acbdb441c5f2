import type { Resource } from './resource.ts';

/** The group of Kong's objects, of its annotations and of the label on its Secrets. */
export const KONG_GROUP = 'configuration.konghq.com';
/** Says of a Secret by which plugin its content lets a KongConsumer in. */
export const KONG_CREDENTIAL_LABEL = 'konghq.com/credential';

/** As far as it is read: what a plugin of Kong is set to. */
interface PluginSettings {
  /** Such as rate-limiting. */
  plugin: string;
  config?: Record<string, unknown>;
  configFrom?: Record<string, unknown>;
  configPatches?: Array<Record<string, unknown>>;
  disabled?: boolean;
  protocols?: string[];
  ordering?: Record<string, unknown>;
  run_on?: string;
  instance_name?: string;
}

/** Not ours: read where its CRD is served, and in files. */
export interface KongPlugin extends Resource, PluginSettings {
  kind: 'KongPlugin';
}

export interface KongClusterPlugin extends Resource, PluginSettings {
  kind: 'KongClusterPlugin';
}

export interface KongConsumer extends Resource {
  kind: 'KongConsumer';
  username?: string;
  custom_id?: string;
  /** Names of Secrets of its namespace. */
  credentials?: string[];
  consumerGroups?: string[];
}
