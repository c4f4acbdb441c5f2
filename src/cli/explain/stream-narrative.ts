/** A StreamExplanation as text. */
import type { Listener } from '../../config/index.ts';
import { socketName } from '../../value/socket-name.ts';
import type { Paint } from '../style.ts';
import { backendLines, connectionLines, listenerText, policyLines, portsText, section } from './narrative.ts';
import type { StreamExplanation } from './stream-explanation.ts';

export function streamNarrative(explanation: StreamExplanation, paint: Paint): string {
  const { connection, outcome, rule, backends, policies } = explanation;
  const { protocol, host, port } = connection;
  return [
    section('Connection', [`${protocol}://${socketName(host, port)}`], paint),
    section('Listener', listenerLines(explanation), paint),
    section('Connections', connectionLines(explanation, paint), paint),
    section('Rule', rule === undefined ? [] : [`${rule.route.kind} ${rule.route.namespace}/${rule.route.name}`], paint),
    section(
      'Policies',
      policies.flatMap((one) => policyLines(one, paint)),
      paint,
    ),
    section(
      'Backends',
      backends.flatMap((backend) => backendLines(backend, 'no endpoints', paint)),
      paint,
    ),
    section(
      'Answer',
      [paint(outcome.kind === 'error' || outcome.kind === 'denied' ? 'error' : 'good', outcome.reason)],
      paint,
    ),
  ].join('');
}

function listenerLines({ connection, listener, ports, hostnames, unserved }: StreamExplanation): string[] {
  if (listener !== undefined) return [listenerOf(listener)];
  const { protocol, host, port } = connection;
  if (hostnames.length > 0) {
    return [
      `none takes ${host || 'a client that names no server'}; hostnames on this port: ${hostnames.join(', ')}`,
      ...unserved,
    ];
  }
  return [`none has port ${port} for ${protocol}; ${portsText(ports)}`, ...unserved];
}

/** Only TLS has hostnames. */
function listenerOf(listener: Listener): string {
  const { key, protocol, port } = listener;
  return protocol === 'TCP' || protocol === 'UDP' ? `${key} (${protocol}, port ${port})` : listenerText(listener);
}
