import * as v from 'valibot';
import { pathMatch, valueMatch } from '../match-shape.ts';
import type { HttpMatch, ValueMatch } from '../route.ts';
import { cidr, key, lineText, object } from '../shape.ts';
import type { PolicyOf, PolicyType } from './policy.ts';
import { type Stacked, shownActs, stacked } from './stacked.ts';

/** Who may ask for what. */
export type Access = PolicyOf<'Access', 'Listener' | 'RouteRule' | 'Backend', Stacked<AccessSettings>>;

export interface AccessSettings {
  /** A request that one of these takes is refused. */
  deny: AccessRule[];
  /** Where there are any, one that none of these takes is refused, too. */
  allow: AccessRule[];
  statusCode: number;
  body?: { contentType: string; text: string };
  /** It refuses nothing, and tells what it would refuse. */
  shadow: boolean;
}

/** Takes a client of whom all that is said holds; of each list one item. */
export interface ClientRule {
  name: string;
  /** CIDRs of clients. */
  addresses: string[];
  /** ISO codes of where clients are; absent: anywhere. */
  countries?: string[];
  times: TimeWindow[];
}

/** The same of a request. */
export interface AccessRule extends ClientRule {
  methods: string[];
  paths: Array<HttpMatch['path']>;
  headers: ValueMatch[];
  /** Absent: whoever it is, and whether that is known or not. */
  claims?: ClaimMatch[];
  /** An expression of CEL. */
  cel?: string;
}

/** Holds where the claim, or an item of it, is one of the values. */
export interface ClaimMatch {
  name: string;
  values: string[];
}

export interface TimeWindow {
  /** 0 is Sunday; empty: every day. */
  days: number[];
  /** Minutes of a day; `to` before `from`: over midnight, on to the next day. */
  from: number;
  to: number;
  /** Of the IANA's database. */
  timeZone: string;
}

const minutes = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1440));
const client = {
  name: key,
  addresses: v.array(cidr),
  countries: v.optional(v.array(key)),
  times: v.array(
    object<TimeWindow>({
      days: v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(6))),
      from: minutes,
      to: minutes,
      timeZone: key,
    }),
  ),
};
export const clientRule = object<ClientRule>(client);
const rule = object<AccessRule>({
  ...client,
  methods: v.array(key),
  paths: v.array(pathMatch),
  headers: v.array(valueMatch),
  claims: v.optional(v.array(object<ClaimMatch>({ name: key, values: v.array(v.string()) }))),
  cel: v.optional(key),
});

export const access: PolicyType<'Listener' | 'RouteRule' | 'Backend', Stacked<AccessSettings>, 'stacked'> = {
  targets: ['Listener', 'RouteRule', 'Backend'],
  merge: 'stacked',
  stages: ['listener', 'rule', 'backend'],
  shape: stacked(
    object<AccessSettings>({
      deny: v.array(rule),
      allow: v.array(rule),
      statusCode: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
      body: v.optional(v.object({ contentType: lineText, text: v.string() })),
      shadow: v.boolean(),
    }),
  ),
  // Values of headers that are asked for may be secrets.
  shown: (spec) =>
    shownActs(spec, (settings) => ({
      ...settings,
      deny: settings.deny.map(shownRule),
      allow: settings.allow.map(shownRule),
    })),
};

function shownRule(one: AccessRule): AccessRule {
  return { ...one, headers: one.headers.map((header) => ({ ...header, value: 'redacted' })) };
}
