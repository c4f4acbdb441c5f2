/** What a guard is, what may go wrong with it, and what becomes of that: the shape of the table's rows. */
import type { RelayMode } from './relay.ts';

/** All that may go wrong with what guards. Of each, every guard says what becomes of it, or why it cannot meet it. */
export const FAILURES = {
  secretMissing: 'its Secret is not there',
  secretWithoutKey: 'its Secret lacks the key that is looked for',
  secretEmptied: 'its Secret has nothing in it',
  sectionMissing: 'the section that it names is not there',
  targetMissing: 'its target is not there, and comes',
  grantMissing: 'what it names is in a namespace that grants nothing',
  peerMissing: 'the Service that it asks is not there',
  peerAway: 'nobody listens where it asks',
  peerSilent: 'whoever it asks says nothing',
  peerResetting: 'whoever it asks resets the connection',
  peerBabbling: 'whoever it asks answers nonsense',
  databaseMissing: 'there is no database of countries',
  revocationsMissing: 'its list of revoked certificates is not there',
  revocationsExpired: 'its list of revoked certificates has ended',
  fieldInvalid: 'a field of it has a value of another form',
  fieldUnusable: 'a field of it has a value that cannot be followed',
  fieldUnknown: 'it has a field that nobody knows',
  deleted: 'it is deleted, and created again',
  createdBroken: 'it is deleted, and created again with a value that cannot be followed',
} as const;
export type FailureName = keyof typeof FAILURES;

export interface Asked {
  headers?: Record<string, string>;
  method?: string;
  body?: string;
  path?: string;
  /** Where it comes from, as a hop says that is believed. */
  from?: string;
  /** Where the connection itself comes from, on this machine. */
  local?: string;
  /** Of the client, over TLS. */
  certificate?: { cert: string; key: string };
  /** What is done between the head of the answer and its end, which is not waited for then. */
  meanwhile?(): Promise<unknown>;
}
export interface Answered {
  status: number;
  headers: Record<string, unknown>;
  /** All of it came: with `meanwhile`, before that was done. */
  whole: boolean;
}
/** Asks for what is guarded; 0: the connection ended without an answer. */
export type Knock = (asked?: Asked) => Promise<Answered>;
/** Shows what it has, and is told a status. */
export type Visitor = (knock: Knock, place: Place) => Promise<number>;

export interface ApiObject {
  kind: string;
  metadata: { name: string; namespace?: string; [field: string]: unknown };
  spec?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Where a guard stands: names of its own, so that all may stand side by side. */
export interface Place {
  name: string;
  host: string;
  /** A port that nobody else has: of a Gateway of its own, where it has one. */
  port: number;
  /** Of the relay to whoever it asks. */
  peer: number;
}

/** Of whoever is to be kept out, and of whoever is to be let in. */
export type Statuses = readonly [stranger: number, welcome: number];

export interface Failure {
  edit?(objects: ApiObject[], place: Place): ApiObject[];
  peer?: Exclude<RelayMode, 'passing'>;
  /** Where it never was whole; absent: it cannot begin so. */
  fresh?: Statuses;
  /** Where it served whole before. */
  served?: Statuses;
  /** The gateway that it stands on has no database of countries. */
  world?: 'without database';
}

export interface Guard {
  name: string;
  /** Of the list that the code has of what guards (test/house/guard-rows.test.ts). */
  of: string;
  /** All that it needs, and what it guards; a `Listener` is one of the Gateway that all share. */
  objects(place: Place): ApiObject[];
  stranger: Visitor;
  welcome: Visitor;
  /** As it should be. */
  whole: Statuses;
  /** Whom the relay leads to. */
  asks?: PeerName;
  tls?: true;
  failures: Record<FailureName, Failure | string>;
}
export type PeerName = 'auth' | 'grpcAuth' | 'issuer' | 'keys' | 'redis' | 'lockedRedis' | 'endpoint';

export const shows =
  (asked: Asked): Visitor =>
  async (knock) =>
    (await knock(asked)).status;
export const NOBODY: Visitor = shows({});

export const without =
  (...kinds: string[]) =>
  (objects: ApiObject[]): ApiObject[] =>
    objects.filter(({ kind }) => !kinds.includes(kind));

export const changed =
  (kind: string, change: (object: ApiObject, place: Place) => ApiObject) =>
  (objects: ApiObject[], place: Place): ApiObject[] =>
    objects.map((object) => (object.kind === kind ? change(object, place) : object));

/** What its spec says besides, or instead. */
export const inSpec = (kind: string, spec: object): ((objects: ApiObject[], place: Place) => ApiObject[]) =>
  changed(kind, (object) => ({ ...object, spec: { ...object.spec, ...spec } }));

/** What Secrets hold. */
export const holding = (data: object): ((objects: ApiObject[], place: Place) => ApiObject[]) =>
  changed('Secret', (object) => ({ ...object, stringData: data }));

/** Text of the objects that says something else. */
export const replaced =
  (from: string, to: string) =>
  (objects: ApiObject[], place: Place): ApiObject[] => {
    const text = JSON.stringify(objects);
    if (!text.includes(from)) throw new Error(`${place.name}: nothing says ${from}`);
    return JSON.parse(text.replaceAll(from, to)) as ApiObject[];
  };

/** Says one section too many. */
export const astray = (kind: string): ((objects: ApiObject[], place: Place) => ApiObject[]) =>
  changed(kind, (object) => {
    const [aim] = object.spec!.targetRefs as object[];
    return { ...object, spec: { ...object.spec, targetRefs: [{ ...aim, sectionName: 'gone' }] } };
  });
