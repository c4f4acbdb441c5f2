/** What every object carries. Fields that an API server sets are absent in files unless somebody wrote them there. */
export interface ObjectMeta {
  name: string;
  /** Absent for cluster-scoped kinds only: sources fill in `default` where a file names none. */
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  /** RFC 3339. */
  creationTimestamp?: string;
  /** RFC 3339; set while the object waits for its finalizers. */
  deletionTimestamp?: string;
  /** Counts changes of the spec; sources count it themselves for objects from files. */
  generation?: number;
  resourceVersion?: string;
  uid?: string;
}

/** The shape that all kinds share. */
export interface Resource {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  /** Of an object that a cluster has stored with a value of a wrong type: what is here is as much as can be read. Nobody can write it. */
  misread?: Misread;
}

/** A value that cannot be read as what it is to be. */
export interface Misread {
  field: string;
  /** What is wrong, and the way out. */
  message: string;
}

/** `Kind/namespace/name`, or `Kind//name` for cluster-scoped objects. */
export function objectKey(resource: Resource): string {
  const { name, namespace } = resource.metadata;
  return keyOf(resource.kind, namespace ?? '', name);
}

/** The key of an object that is only named, as by a reference; `namespace` is empty for cluster-scoped kinds. */
export function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}

/** The group of an apiVersion: `''` for the core's `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
