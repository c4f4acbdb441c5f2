import * as v from 'valibot';
import { lineText, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** What the backend is asked for in the place of what the client asked for. */
export type Rewrite = PolicyOf<'Rewrite', 'Listener' | 'RouteRule' | 'Backend', Stacked<RewriteSettings>>;

export interface RewriteSettings {
  paths: PathRewriteSettings[];
}

export interface PathRewriteSettings {
  pattern: string;
  substitution: string;
  headers: Array<{ name: string; value: string }>;
}

export const rewrite: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<RewriteSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<RewriteSettings>({
      paths: v.array(
        object<PathRewriteSettings>({
          pattern: v.string(),
          substitution: v.string(),
          headers: v.array(v.object({ name: v.string(), value: lineText })),
        }),
      ),
    }),
  ),
  shown: (spec) => shownActs(spec, ({ paths }) => ({ paths })),
};
