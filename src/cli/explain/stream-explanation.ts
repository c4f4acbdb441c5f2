/** What becomes of one connection, or UDP session, that no HTTP is read from: plain JSON, like Explanation. */
import type { Listener, RouteKind, RouteRule, Snapshot } from '../../config/index.ts';
import { rehearseStream } from '../../proxy/rehearsal/index.ts';
import { compileSniTable, ruleForListener } from '../../proxy/stream/index.ts';
import { socketName } from '../../value/socket-name.ts';
import { listenerPolicies } from './connection-policy.ts';
import type { ExplainedBackend } from './explained-backend.ts';
import { percent, weightedBackends } from './explanation.ts';
import { takesHost } from './hostname.ts';
import type { KnownConfig } from './known-config.ts';
import type { Outcome } from './outcome.ts';
import { decided, type PolicyEffect, policyEffects } from './policy-effect.ts';
import { ruleWords } from './policy-rule.ts';

export interface AskedConnection {
  protocol: 'tls' | 'tcp' | 'udp';
  /** Of TLS the server name, lower case; of the others the address that is connected to, or ''. */
  host: string;
  /** As written in Gateways. */
  port: number;
  /** Undefined: nobody said it. */
  clientAddress?: string;
}

export interface StreamExplanation {
  connection: AskedConnection;
  outcome: Outcome;
  /** The one that takes the connection. */
  listener?: Listener;
  rule?: RouteRule;
  backends: ExplainedBackend[];
  /** Those that act on it, and what they decide of it. */
  policies: PolicyEffect[];
  /** Those who say how connections of clients are taken, each with what is its own; absent: nobody. */
  connectionPolicies?: PolicyEffect[];
  /** Ports that some listener of the protocol has, where none has the connection's. */
  ports: number[];
  /** Hostnames of the port's listeners and their routes, where none takes the server name. */
  hostnames: string[];
  /** Listeners that are left out of the config, each with the reason; only where no listener takes the connection. */
  unserved: string[];
}

const PROTOCOLS: Readonly<Record<AskedConnection['protocol'], ReadonlyArray<Listener['protocol']>>> = {
  tls: ['TLS', 'HTTPS'],
  tcp: ['TCP'],
  udp: ['UDP'],
};
const KINDS: Readonly<Record<AskedConnection['protocol'], RouteKind>> = {
  tls: 'TLSRoute',
  tcp: 'TCPRoute',
  udp: 'UDPRoute',
};

export function streamExplanationOf(known: KnownConfig, connection: AskedConnection): StreamExplanation {
  const { snapshot, unserved } = known;
  const { protocol, port } = connection;
  const speaking = [...snapshot.of('Listener').values()].filter((one) => PROTOCOLS[protocol].includes(one.protocol));
  const here = speaking.filter((listener) => listener.port === port);
  const nothing = { connection, backends: [], policies: [], ports: [], hostnames: [], unserved };
  if (here.length === 0) {
    const ports = [...new Set(speaking.map((listener) => listener.port))].sort((a, b) => a - b);
    return { ...nothing, ports, outcome: failed('no listener has this port and protocol: nothing answers there') };
  }
  const { listener, rule } =
    protocol === 'tls' ? chosenByName(snapshot, here, connection) : chosen(snapshot, here, connection);
  if (listener === undefined) {
    const hostnames = [...new Set(here.map(({ hostname }) => hostname ?? '*'))];
    return {
      ...nothing,
      hostnames,
      outcome: failed('no listener takes this server name: the connection is closed with a TLS alert'),
    };
  }
  const backends = rule === undefined ? [] : weightedBackends(known, rule);
  const found = outcomeOf(connection, { listener, rule, backends });
  const { policies, outcome } = judgedBy(known, { connection, listener, rule, outcome: found });
  const entering = listenerPolicies(snapshot, listener.key);
  const around = {
    policies,
    ...(entering.length > 0 ? { connectionPolicies: entering } : {}),
    ...{ ports: [], hostnames: [], unserved: [] },
  };
  return { connection, outcome, listener, ...(rule ? { rule } : {}), backends, ...around };
}

interface Chosen {
  connection: AskedConnection;
  listener: Listener;
  rule: RouteRule | undefined;
  outcome: Outcome;
}

/** By the code that serves. Where HTTP follows, requests are judged. */
function judgedBy(
  { snapshot, secret }: KnownConfig,
  { connection, listener, rule, outcome }: Chosen,
): { policies: PolicyEffect[]; outcome: Outcome } {
  if (rule === undefined || listener.protocol === 'HTTPS') return { policies: [], outcome };
  const effects = policyEffects(snapshot, { listener: listener.key, rule: rule.key, backends: [] });
  const { clientAddress } = connection;
  const steps = rehearseStream(
    secret ?? snapshot,
    { listener: listener.key, route: rule.key, clientAddress },
    ruleWords,
  );
  const refusing = steps.find(({ decision }) => decision === 'refuses');
  const policies = decided(effects, steps, refusing !== undefined);
  if (outcome.kind === 'error') return { policies, outcome };
  if (refusing !== undefined) {
    const how = connection.protocol === 'udp' ? 'its datagrams are dropped' : 'the connection is closed';
    const why = refusing.says.length === 0 ? '' : ` (${refusing.says.join('; ')})`;
    return { policies, outcome: { kind: 'denied', reason: `${refusing.source} refuses it${why}: ${how}` } };
  }
  const open = steps.filter(({ decision }) => decision === 'undecided').map(({ source }) => source);
  if (open.length === 0) return { policies, outcome };
  const reason = `${outcome.reason}, where ${[...new Set(open)].join(', ')} lets it pass`;
  return { policies, outcome: { ...outcome, reason } };
}

interface Choice {
  listener?: Listener;
  rule?: RouteRule;
}

/** Of listeners on several addresses, the one that the address belongs to, or else the first. */
function chosen(snapshot: Snapshot, here: Listener[], { protocol, host }: AskedConnection): Choice {
  const listener = here.find(({ addresses }) => addresses.includes(host)) ?? here[0]!;
  const rule = ruleForListener(snapshot.of('RouteRule').values(), listener.key, KINDS[protocol]);
  return { listener, ...(rule ? { rule } : {}) };
}

/** By the table that connections are matched with. */
function chosenByName(snapshot: Snapshot, here: Listener[], { host }: AskedConnection): Choice {
  const rules = snapshot.of('RouteRule');
  const table = compileSniTable({
    listeners: here,
    rules: rules.values(),
    planOf: (rule, listener) => ({ listener, route: rule.key, next: () => undefined }),
  });
  const choice = table.choose(host);
  if (choice === null) {
    const listener = here.find(({ hostname }) => takesHost(hostname, host));
    return listener === undefined ? {} : { listener };
  }
  const rule = choice.plan && rules.get(choice.plan.route);
  return { listener: choice.listener, ...(rule ? { rule } : {}) };
}

function failed(reason: string): Outcome {
  return { kind: 'error', reason };
}

function outcomeOf(
  connection: AskedConnection,
  { listener, rule, backends }: { listener: Listener; rule: RouteRule | undefined; backends: ExplainedBackend[] },
): Outcome {
  const { protocol, host, port } = connection;
  if (listener.protocol === 'HTTPS') {
    return {
      kind: 'answered',
      reason: `TLS ends here and HTTP follows: explain https://${socketName(host, port)}/ says more`,
    };
  }
  const lost = protocol === 'udp' ? 'its datagrams are dropped' : 'the connection is closed';
  if (rule === undefined) return failed(`no ${KINDS[protocol]} takes it: ${lost}`);
  if (rule.broken !== undefined) return failed(`${rule.broken}: ${lost}`);
  const used = backends.filter(({ share }) => share > 0);
  const fine = used.filter(({ broken, endpoints, dns }) => broken === undefined && (endpoints.length > 0 || dns));
  if (used.length === 0) return failed(`the rule has no backend with a weight: ${lost}`);
  if (fine.length === 0) return failed(`${used[0]!.broken ?? 'no backend has an endpoint'}: ${lost}`);
  const part = fine.reduce((sum, { share }) => sum + share, 0);
  const how = protocol !== 'tls' ? '' : listener.tls?.mode === 'Passthrough' ? ', TLS and all' : ', and TLS ends here';
  return { kind: 'proxied', reason: `a backend gets ${part > 0.999_999 ? 'it' : `${percent(part)} of such`}${how}` };
}
