/** What a plugin of Kong comes to here. */
import type { HTTPRouteFilter, Secret } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { OwnSettings } from '../ours.ts';

/** One of Kong's plugins. */
export interface KongPluginKind {
  /** As `plugin` of a KongPlugin spells it. */
  readonly plugin: string;
  /** It refuses requests, or answers them: where a part of it is lost, what it acts on is refused. */
  readonly guards: boolean;
  /** `config`: what it is set to. What it does not read is told. */
  read(config: Fields, site: PluginSite): PluginParts;
}

/** What does the same here. */
export interface PluginParts {
  policies?: OwnSettings;
  filters?: HTTPRouteFilter[];
  /** What the policies refer to. */
  secrets?: Secret[];
}

export interface PluginSite {
  namespace: string;
  /** Secrets that are made are called so, with something behind it. */
  name: string;
  /** The claim by which plugins that authenticate there say who asks; absent: none does. */
  identity?: 'sub' | 'iss';
  /** Of the KongConsumers of the namespace, those that let nobody in included. */
  credentials(type: CredentialType): KongCredential[];
}

export type CredentialType = 'key-auth' | 'basic-auth' | 'jwt';

/** One Secret of a KongConsumer. */
export interface KongCredential {
  /** Name of the KongConsumer. */
  consumer: string;
  username?: string;
  customId?: string;
  /** Why it lets in nobody, whatever it holds. */
  refused?: string;
  /** Plain text. */
  data: Readonly<Record<string, string>>;
}
