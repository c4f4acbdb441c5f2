import type { RequestPolicy } from './request-policy.ts';

/** What the backend is asked for in the place of what the client asked for. */
export interface RewritePolicy extends RequestPolicy<Rewrites> {
  kind: 'RewritePolicy';
}

export interface Rewrites {
  /** The first whose pattern is found in the path counts. */
  paths: PathRewrite[];
}

export interface PathRewrite {
  /** A regular expression (RE2), found anywhere in the path. */
  pattern: string;
  /** The whole new path, with a query where it has one: `$1` stands for what the first group took. */
  substitution: string;
  /** Lines for the backend in the place of those of this name; `$1` as above. */
  headers?: Array<{ name: string; value: string }>;
}
