/** What an object of another gateway comes to here, for whoever asks what to write. */
import type { AnyResource, HTTPRoute } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import type { Site } from './site.ts';
import type { VendorTarget } from './vendor-target.ts';

/** A kind of another gateway. */
export interface VendorKind {
  readonly group: string;
  readonly kind: string;
  /** `spec`: what it says. What of it is not read is told. */
  suggest(spec: Fields, place: VendorPlace): SuggestedParts;
}

export interface VendorPlace {
  namespace: string;
  name: string;
  /** What it is attached to. */
  targets: VendorTarget[];
  /** All that is known besides. */
  site: Site;
}

export interface SuggestedParts {
  /** Ours, ready to be written. */
  objects?: AnyResource[];
  /** What changes in routes of the user's. */
  edits?: RouteEdit[];
}

export interface RouteEdit {
  /** Key of the HTTPRoute. */
  route: string;
  edit(route: HTTPRoute): HTTPRoute;
}
