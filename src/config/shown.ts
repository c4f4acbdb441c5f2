/** Config objects as outsiders may see them: what is known to be no secret, and nothing else. */
import { shownCredential } from './credential.ts';
import { shownExternalAuth } from './external-auth.ts';
import type { ConfigKind, ConfigObject } from './object.ts';
import type { OfKind } from './of-kind.ts';
import { shownPolicy } from './policy/index.ts';
import type { Filter, HeaderLine, WeightedBackend } from './route.ts';
import { shownSession } from './session.ts';

/** Stands for a value that is there and is not shown. */
export const REDACTED = 'redacted';

/** A field is shown as it is, or as what a function makes of it. */
type Showing<T> = { readonly [F in keyof T]-?: typeof AS_IS | ((value: NonNullable<T[F]>) => T[F]) };
const AS_IS = 'as it is';

/** A field that is not decided about here does not compile, and what came without being in the contract is left out. */
const SHOWN: { readonly [K in ConfigKind]: Showing<OfKind<K>> } = {
  Listener: {
    kind: AS_IS,
    key: AS_IS,
    gateway: AS_IS,
    name: AS_IS,
    addresses: AS_IS,
    port: AS_IS,
    protocol: AS_IS,
    hostname: AS_IS,
    tls: AS_IS,
    filters: (filters) => filters.map((filter) => ({ ...filter, ...shownExternalAuth(filter) })),
  },
  RouteRule: {
    kind: AS_IS,
    key: AS_IS,
    route: AS_IS,
    index: AS_IS,
    name: AS_IS,
    created: AS_IS,
    attachments: AS_IS,
    matches: AS_IS,
    filters: (filters) => filters.map(shownFilter),
    backends: (backends) => backends.map(shownBackend),
    timeouts: AS_IS,
    retry: AS_IS,
    sessionPersistence: shownSession,
    broken: AS_IS,
  },
  Backend: { kind: AS_IS, key: AS_IS, service: AS_IS, protocol: AS_IS, tls: AS_IS, tlsPolicy: AS_IS },
  Endpoints: { kind: AS_IS, key: AS_IS, endpoints: AS_IS, dns: AS_IS },
  Certificate: { kind: AS_IS, key: AS_IS, certificate: AS_IS, privateKey: () => REDACTED },
  Challenge: { kind: AS_IS, key: AS_IS, listeners: AS_IS, certificate: AS_IS, privateKey: () => REDACTED },
  TrustBundle: { kind: AS_IS, key: AS_IS, pem: AS_IS },
  Credential: { kind: AS_IS, key: AS_IS, content: shownCredential },
  // What is shown of the settings stands in the table of policies.
  Policy: { kind: AS_IS, key: AS_IS, type: AS_IS, target: AS_IS, spec: AS_IS, sources: AS_IS },
};

/** What does not fit, from a control of another version, is named and not shown. */
export function shown<T extends ConfigObject>(object: T): T {
  try {
    return shownFields(object);
  } catch {
    const { kind, key } = object;
    return { kind, key } as T;
  }
}

function shownFields<T extends ConfigObject>(object: T): T {
  const fields: Array<[string, unknown]> = [];
  for (const [name, showing] of Object.entries(SHOWN[object.kind])) {
    const value = object[name as keyof T];
    if (value === undefined) continue;
    // Each entry was written for the field that it stands by.
    fields.push([name, showing === AS_IS ? value : (showing as (value: unknown) => unknown)(value)]);
  }
  const all = Object.fromEntries(fields) as unknown as T;
  return object.kind === 'Policy' ? { ...all, spec: shownPolicy(object) } : all;
}

/** Lines that filters write may hold credentials towards backends, whatever they are called. */
function shownFilter(filter: Filter): Filter {
  switch (filter.type) {
    case 'RequestHeaderModifier':
    case 'ResponseHeaderModifier':
      return { ...filter, set: filter.set.map(withoutValue), add: filter.add.map(withoutValue) };
    case 'RequestRedirect':
    case 'URLRewrite':
    case 'RequestMirror':
    case 'CORS':
    case 'DirectAnswer':
      return filter;
    case 'ExternalAuth':
      return { ...filter, ...shownExternalAuth(filter) };
  }
}

function withoutValue({ name }: HeaderLine): HeaderLine {
  return { name, value: REDACTED };
}

function shownBackend(backend: WeightedBackend): WeightedBackend {
  return { ...backend, filters: backend.filters.map(shownFilter) };
}
