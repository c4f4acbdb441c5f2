/** The family of edits: each changes the manifests, and ends when clients see the change. */
import { setTimeout as delay } from 'node:timers/promises';
import { backendTraffic } from '../policies/policy.ts';
import * as manifest from './manifest.ts';
import type { ServiceName, Stage } from './stage.ts';
import type { Tally } from './tally.ts';
import { HOSTS } from './traffic/index.ts';
import { ask, begin, echoed, fingerprint, finish, isRefused, seen, shown, UNDER_WAY } from './witness.ts';

export interface Edit {
  name: string;
  make(stage: Stage, tally: Tally): Promise<void>;
}

let routes = 0;

const route: Edit = {
  name: 'route comes or goes',
  async make(stage, tally) {
    const known = [...stage.extras.keys()].find((name) => name.startsWith('route-'));
    if (known === undefined) {
      const name = `route-${++routes}`;
      const ports = [stage.endpoints.get('h1')![0]!.port];
      const objects = [
        ...manifest.service(name, 'h1', ports),
        manifest.httpRoute(name, hostOf(name), [manifest.backendRefs(name)]),
      ];
      stage.extras.set(name, objects);
      await stage.apply();
      await seen(async () => (await ask(stage, { host: hostOf(name) })).status === 200);
      return;
    }
    const begun = await begin(stage, { host: hostOf(known) });
    tally.meanwhile('under way when its route went', () => finish(begun));
    stage.extras.delete(known);
    await stage.apply();
    await seen(async () => (await ask(stage, { host: hostOf(known) })).status === 404);
  },
};

const rule: Edit = {
  name: 'rule changes',
  async make(stage) {
    stage.web = { edit: stage.web.edit + 1, share: (stage.web.share + 3) % 10 };
    await stage.apply();
    await seen(async () => (await ask(stage, {})).headers['x-edit'] === String(stage.web.edit));
  },
};

const certificate: Edit = {
  name: 'certificate changes',
  async make(stage) {
    const pair = await stage.sign();
    stage.secrets.set('web', pair);
    await stage.apply();
    await seen(async () => (await shown(stage, HOSTS.web)) === fingerprint(pair.certificate));
  },
};

let endpointTurn = 0;
/**
 * Milliseconds that a backend which is no endpoint any more goes on to take requests, as pods do by their preStop hook: one
 * that closes at once closes on requests which are already on their way to it.
 */
const GOES_ON = 5_000;

const endpoint: Edit = {
  name: 'endpoint comes or goes',
  async make(stage, tally) {
    const names = [...stage.endpoints.keys()];
    // One that has two loses one before the next gets its second.
    const full = names.find((name) => stage.endpoints.get(name)!.length > 1);
    const name: ServiceName = full ?? names[endpointTurn++ % names.length]!;
    const backends = stage.endpoints.get(name)!;
    if (full === undefined) {
      backends.push(await stage.backend(name));
      await stage.apply();
      return;
    }
    const prefix = name === 'h2c' ? '/h2' : '/h1';
    for (let i = 0; i < 2; i++) {
      const begun = await begin(stage, { path: UNDER_WAY.replace('/h1', prefix) });
      tally.meanwhile('under way when an endpoint went', () => finish(begun));
    }
    const gone = backends.pop()!;
    await stage.apply();
    setTimeout(() => gone.retire(), GOES_ON).unref();
  },
};

const listener: Edit = {
  name: 'HTTP listener comes or goes',
  async make(stage, tally) {
    const port = stage.spare[0]!;
    if (await addListener(stage, { name: 'more', port, protocol: 'HTTP' })) {
      await seen(async () => (await ask(stage, { port })).status === 200);
      return;
    }
    const begun = await begin(stage, { port });
    tally.meanwhile('under way when its listener went', () => finish(begun));
    await removeListener(stage, 'more');
    await seen(() => isRefused(port));
  },
};

const hostname: Edit = {
  name: 'HTTPS listener comes or goes',
  async make(stage) {
    const name = 'other.soak.example';
    const { https } = stage.place.ports;
    const pair = await stage.sign();
    const added: manifest.ListenerManifest = {
      name: 'other',
      port: https,
      protocol: 'HTTPS',
      hostname: name,
      tls: { certificateRefs: [{ name: 'other' }] },
    };
    stage.secrets.set('other', pair);
    if (await addListener(stage, added)) {
      await seen(async () => (await shown(stage, name)) === fingerprint(pair.certificate));
      return;
    }
    stage.secrets.delete('other');
    await removeListener(stage, 'other');
    await seen(async () => (await shown(stage, name)) === fingerprint(stage.secrets.get('web')!.certificate));
  },
};

const streams: Edit = {
  name: 'TCP and UDP listeners come or go',
  async make(stage) {
    const [, tcp, udp] = stage.spare as [number, number, number];
    if (stage.extras.delete('streams')) {
      stage.extraListeners.splice(0, Number.POSITIVE_INFINITY, ...others(stage, 'more-tcp', 'more-udp'));
      await stage.apply();
      await seen(() => isRefused(tcp));
      return;
    }
    stage.extraListeners.push(
      { name: 'more-tcp', port: tcp, protocol: 'TCP' },
      { name: 'more-udp', port: udp, protocol: 'UDP' },
    );
    stage.extras.set('streams', [
      manifest.streamRoute('TCPRoute', 'more-tcp', 'tcp'),
      manifest.streamRoute('UDPRoute', 'more-udp', 'udp'),
    ]);
    await stage.apply();
    await seen(async () => (await echoed(tcp, 'hello')) === 'hello');
  },
};

let policyTurn = 0;

const policy: Edit = {
  name: 'policy changes',
  async make(stage) {
    const specs = [{ loadBalancing: { type: 'LeastRequest' } }, { circuitBreaker: { maxConnections: 200 } }, undefined];
    const spec = specs[policyTurn++ % specs.length];
    if (spec === undefined) stage.extras.delete('policy');
    else
      stage.extras.set(
        'policy',
        ['h1', 'h2c'].map((name) => backendTraffic(name, spec)),
      );
    await stage.apply();
  },
};

let mistaken = false;

/** Nothing that is served may change by it, so that there is nothing to wait for but its diagnostics. */
const mistake: Edit = {
  name: 'mistake is made or mended',
  async make(stage) {
    mistaken = !mistaken;
    stage.put('mistake.yaml', mistaken ? 'kind: [\n' : undefined);
    stage.put('wrong.json', mistaken ? JSON.stringify(manifest.httpRoute('wrong', 'not a host', [])) : undefined);
    await delay(500);
    if ((await ask(stage, {})).status !== 200) throw new Error('a mistake elsewhere changed an answer');
  },
};

export const EDITS: readonly Edit[] = [
  route,
  certificate,
  endpoint,
  listener,
  rule,
  hostname,
  streams,
  policy,
  mistake,
];

async function addListener(stage: Stage, added: manifest.ListenerManifest): Promise<boolean> {
  if (stage.extraListeners.some(({ name }) => name === added.name)) return false;
  stage.extraListeners.push(added);
  await stage.apply();
  return true;
}

async function removeListener(stage: Stage, name: string): Promise<void> {
  stage.extraListeners.splice(0, Number.POSITIVE_INFINITY, ...others(stage, name));
  await stage.apply();
}

function others(stage: Stage, ...names: string[]): manifest.ListenerManifest[] {
  return stage.extraListeners.filter(({ name }) => !names.includes(name));
}

function hostOf(name: string): string {
  return `${name}.soak.example`;
}
