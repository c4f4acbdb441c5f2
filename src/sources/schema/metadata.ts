import { isQualifiedName, label, labelValue, namespaceName, subdomain } from './format.ts';
import {
  integer,
  map,
  type ObjectSchema,
  object,
  optional,
  required,
  rule,
  type StringSchema,
  text,
} from './schema.ts';

/** The API server's limit on all annotations of an object together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

const keysAreQualified = rule<Record<string, string>>(
  'has a key that is no label key: an optional DNS prefix and "/", then up to 63 letters, digits, "-", "_" and "."',
  (labels) => Object.keys(labels).every(isQualifiedName),
);

const labels = map(labelValue, { blank: '', rules: [keysAreQualified] });
const annotations = map(text(), {
  blank: '',
  rules: [
    rule<Record<string, string>>(
      'has a key that is no annotation key: an optional DNS prefix and "/", then up to 63 letters, digits, "-", "_", "."',
      (all) => Object.keys(all).every((key) => isQualifiedName(key.toLowerCase())),
    ),
    rule<Record<string, string>>(`must not be larger than ${MAX_ANNOTATION_BYTES} bytes in all`, (all) => {
      const sizes = Object.entries(all).map(([key, value]) => Buffer.byteLength(key) + Buffer.byteLength(value));
      return sizes.reduce((sum, size) => sum + size, 0) <= MAX_ANNOTATION_BYTES;
    }),
  ],
});

const timestamp = text({
  format: {
    is: 'a time such as 2026-01-31T12:00:00Z',
    matches: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) && !!Date.parse(value),
  },
});

/** Set by servers and controllers; they come along when an object is read back from a cluster. */
const unread = ['managedFields', 'selfLink', 'ownerReferences', 'finalizers', 'deletionGracePeriodSeconds'];

export function metadataOf(name: StringSchema, namespaced: boolean): ObjectSchema {
  const fields = {
    name: required(name),
    labels: optional(labels),
    annotations: optional(annotations),
    creationTimestamp: optional(timestamp),
    deletionTimestamp: optional(timestamp),
    generation: optional(integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
    resourceVersion: optional(text()),
    uid: optional(text()),
  };
  return object(namespaced ? { ...fields, namespace: optional(namespaceName, DEFAULT_NAMESPACE) } : fields, {
    unread: [...unread, ...(namespaced ? [] : ['namespace'])],
  });
}

/** Where a file names no namespace. */
export const DEFAULT_NAMESPACE = 'default';

export const namespacedMetadata = metadataOf(subdomain, true);
/** Of Services: a name is a DNS label there, since it becomes one. */
export const serviceMetadata = metadataOf(label, true);
export const clusterMetadata = metadataOf(subdomain, false);
export const namespaceMetadata = metadataOf(label, false);
