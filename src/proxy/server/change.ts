/** A step of the config, compiled: all that it needs is made, and nothing of it is in place yet. */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigObject, ConfigRef, Delta, Snapshot } from '../../config/index.ts';
import type { DaemunError } from '../../observe/index.ts';
import { inSlices } from '../ground/slice.ts';
import { RouteBook, readExpressions, standIn } from '../route/index.ts';
import type { PreparedBackends } from '../upstream/index.ts';
import { checkTrust, presentable } from './certificates.ts';
import { checkRevoked } from './client-demand.ts';
import { checkGuard } from './entrance.ts';
import type { Swap } from './port.ts';
import type { PortSet, PreparedPorts } from './port-set.ts';
import { faultOf, type SiftParts } from './sift.ts';
import type { World } from './world.ts';

/** What a data plane serves. */
export interface Served {
  readonly config: Snapshot;
  /** Keys of certificates that were removed, and stay because listeners name them. */
  readonly kept: ReadonlySet<string>;
}

export interface Change {
  readonly served: Served;
  readonly removals: readonly ConfigRef[];
  /** Puts it in place, in one step. It cannot fail. */
  readonly swap: Swap;
  readonly backends: PreparedBackends;
  /** Absent where no port is touched. */
  readonly ports: PreparedPorts | undefined;
}

export class ChangeCompiler {
  readonly #world: World;
  readonly #ports: PortSet;
  readonly #routes = new RouteBook();

  constructor(world: World, ports: PortSet) {
    this.#world = world;
    this.#ports = ports;
  }

  /** Steps on from what is served. */
  from(served: Served): SiftParts<Change> {
    return {
      beforehand: ({ kind, ...object }) => readExpressions(kind === 'RouteRule' || kind === 'Policy' ? object : null),
      fault: (object) => this.#fault(object),
      standIn: (object, fault) => this.#standIn(object, { config: served.config, fault }),
      compile: (delta) => this.compile(served, delta),
      discard: ({ backends }) => backends.discard(),
    };
  }

  /** What guards is not left out: a policy without a good form for its target denies what it would act on. */
  #standIn(object: ConfigObject, at: { config: Snapshot; fault: DaemunError }): ConfigObject | undefined {
    if (object.kind === 'RouteRule') return standIn(object, at.config.get('RouteRule', object.key), at.fault);
    if (object.kind !== 'Policy' || !this.#world.policies.guards(object)) return undefined;
    const held = at.config.get('Policy', object.key);
    return held !== undefined && isDeepStrictEqual(held.target, object.target) ? undefined : object;
  }

  #fault(object: ConfigObject): DaemunError | undefined {
    try {
      if (object.kind === 'RouteRule') return this.#routes.fault(object);
      if (object.kind === 'Certificate' || object.kind === 'Challenge') presentable(object);
      else if (object.kind === 'TrustBundle') checkTrust(object);
      else if (object.kind === 'Credential') checkRevoked(object);
      else if (object.kind === 'Policy') {
        checkGuard(object);
        if (this.#world.policies.guards(object)) this.#world.policies.check(object);
      }
      return undefined;
    } catch (error) {
      return faultOf(object, error);
    }
  }

  /** Rejects where something cannot be compiled, and leaves nothing behind then. */
  async compile(from: Served, asked: Delta): Promise<Change> {
    const { delta, kept } = keepCertificates(from, asked);
    const config = await inSlices(from.config.applying(delta));
    const backends = await inSlices(this.#world.backends.prepare(config, delta));
    try {
      if (!touchesPorts(delta)) {
        return { served: { config, kept }, removals: delta.removals, swap: backends.swap, backends, ports: undefined };
      }
      const { ports, swap } = await this.preparePorts(config, delta);
      const all = (): void => {
        backends.swap();
        swap();
      };
      return { served: { config, kept }, removals: delta.removals, swap: all, backends, ports };
    } catch (error) {
      backends.discard();
      throw error;
    }
  }

  /** The ports of a config and their routes. */
  async preparePorts(config: Snapshot, delta: Delta): Promise<{ ports: PreparedPorts; swap: Swap }> {
    const groups = this.#ports.groups(config);
    const sockets = new Map([...groups.groups].map(([key, { listeners }]) => [key, listeners]));
    const routes = await inSlices(this.#routes.prepare({ delta, config, sockets }));
    const policies = touchesPolicies(delta)
      ? await inSlices(this.#world.policies.preparing(config.of('Policy').values(), config.of('Credential')))
      : undefined;
    const ports = this.#ports.prepare(groups, { config, delta, tables: routes.tables });
    const swap = (): void => {
      routes.commit();
      policies?.swap();
      ports.swap();
    };
    return { ports, swap };
  }
}

/**
 * A certificate that is gone stays for as long as a listener names it: the last good one is better than none, and
 * connections live on. It goes with the last listener that names it.
 */
function keepCertificates({ config, kept }: Served, asked: Delta): { delta: Delta; kept: ReadonlySet<string> } {
  const gone = new Set(kept);
  for (const { kind, key } of asked.removals) {
    if (kind === 'Certificate' && config.get(kind, key) !== undefined) gone.add(key);
  }
  for (const { kind, key } of asked.upserts) if (kind === 'Certificate') gone.delete(key);
  if (gone.size === 0) return { delta: asked, kept: gone };
  const listeners = config.apply(asked).of('Listener').values();
  const named = new Set([...listeners].flatMap(({ tls }) => tls?.certificates ?? []));
  const stay = new Set([...gone].filter((key) => named.has(key)));
  const left = [...kept].filter((key) => gone.has(key) && !stay.has(key));
  const removals: ConfigRef[] = [
    ...asked.removals.filter(({ kind, key }) => kind !== 'Certificate' || !stay.has(key)),
    ...left.map((key) => ({ kind: 'Certificate' as const, key })),
  ];
  return { delta: { ...asked, removals }, kept: stay };
}

function touchesPolicies(delta: Delta): boolean {
  return [...delta.upserts, ...delta.removals].some(({ kind }) => kind === 'Policy' || kind === 'Credential');
}

/** Endpoint and backend changes touch no route and no listener. */
function touchesPorts(delta: Delta): boolean {
  return [...delta.upserts, ...delta.removals].some(({ kind }) => kind !== 'Endpoints' && kind !== 'Backend');
}
