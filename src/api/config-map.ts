import type { Resource } from './resource.ts';

export interface ConfigMap extends Resource {
  kind: 'ConfigMap';
  data?: Record<string, string>;
  /** Base64. */
  binaryData?: Record<string, string>;
}
