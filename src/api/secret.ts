import type { Resource } from './resource.ts';

export interface Secret extends Resource {
  kind: 'Secret';
  type: string;
  /** Base64. What a file wrote under stringData is merged in here, as an API server does. */
  data?: Record<string, string>;
}
