export interface OpenApi {
  type?: string;
  properties?: Record<string, OpenApi>;
  additionalProperties?: OpenApi;
  items?: OpenApi;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  minProperties?: number;
  oneOf?: OpenApi[];
  anyOf?: OpenApi[];
  allOf?: OpenApi[];
  not?: OpenApi;
  'x-kubernetes-validations'?: Array<{ rule: string; message: string }>;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-int-or-string'?: boolean;
}
