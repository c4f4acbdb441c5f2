/** What a CustomResourceDefinition of the Gateway API says of where it comes from. */
export interface InstalledCrd {
  /** `httproutes.gateway.networking.k8s.io` */
  name: string;
  /** `v1.6.3`; absent where it does not say. */
  version?: string;
  /** `standard` or `experimental`; absent where it does not say. */
  channel?: string;
  /** Fields that are read here and that it does not keep, such as `HTTPRoute spec.rules[].retry`. */
  lacks?: string[];
  /** Values that are read here and that it refuses, such as `HTTPRoute spec.rules[].filters[].type: CORS`. */
  refuses?: string[];
}

export const BUNDLE_VERSION_ANNOTATION = 'gateway.networking.k8s.io/bundle-version';
export const CHANNEL_ANNOTATION = 'gateway.networking.k8s.io/channel';
/** Begins the object of what is said of a CRD of the Gateway API that is older than what is read here. */
export const OLDER_CRD = 'CustomResourceDefinition//';
