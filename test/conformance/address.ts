/** The addresses that the suite's test of static addresses asks a Gateway for. */
import { kubectl, output } from '../cluster/kubectl.ts';

/** Of a network for documentation (RFC 5737): no cluster gives it. */
const UNUSABLE = '198.51.100.250';

const PROBE = 'conformance-address';

export interface SuiteAddresses {
  /** Undefined where the cluster has no load balancer: then the suite's test of them fails, and says so. */
  usable: string | undefined;
  unusable: string;
}

export async function suiteAddresses(usable?: string, unusable = UNUSABLE): Promise<SuiteAddresses> {
  return { usable: usable ?? (await freeAddress()), unusable };
}

/** One that the load balancer gave to a Service which is gone again: free, and of its range. */
async function freeAddress(): Promise<string | undefined> {
  // A cluster may keep a range that is given on request only.
  const { STAND_LBNET } = process.env;
  if (STAND_LBNET !== undefined) return `${STAND_LBNET}.200.1`;
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: PROBE, namespace: 'default' },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(service) });
  const place = ['-n', 'default', `service/${PROBE}`];
  const path = '{.status.loadBalancer.ingress[0].ip}';
  const waited = await kubectl(['wait', `--for=jsonpath=${path}`, ...place, '--timeout=60s'], { timeout: 70_000 }).then(
    () => true,
    () => false,
  );
  const address = waited ? await output(['get', ...place, '-o', `jsonpath=${path}`]) : undefined;
  await kubectl(['delete', ...place, '--wait=true']);
  if (address === undefined) console.log('no load balancer gives addresses here: name one with --usable-address');
  return address;
}
