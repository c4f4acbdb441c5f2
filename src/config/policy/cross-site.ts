import * as v from 'valibot';
import { key, lineText, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** Which other sites' pages may have a browser send what changes something (CSRF). */
export type CrossSite = PolicyOf<'CrossSite', 'Listener' | 'RouteRule' | 'Backend', Stacked<CrossSiteSettings>>;

export interface CrossSiteSettings {
  /** Origins that may, besides the request's own host: as a CORS filter has them. */
  origins: string[];
  /** What becomes of requests that do not say where they come from. */
  unknown: 'Deny' | 'Allow';
  statusCode: number;
  body?: { contentType: string; text: string };
  /** It refuses nothing, and tells what it would refuse. */
  shadow: boolean;
}

export const crossSite: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<CrossSiteSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<CrossSiteSettings>({
      origins: v.array(key),
      unknown: v.picklist(['Deny', 'Allow']),
      statusCode: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
      body: v.optional(v.object({ contentType: lineText, text: v.string() })),
      shadow: v.boolean(),
    }),
  ),
  shown: (spec) => shownActs(spec, (settings) => settings),
};
