import type { AnyResource, Authentication, AuthenticationEntry } from '../../api/index.ts';

export interface AuthenticationParts {
  methods: AuthenticationEntry[];
  claimsToHeaders: NonNullable<Authentication['claimsToHeaders']>;
  /** Secrets that are to be written besides. */
  objects: AnyResource[];
}
