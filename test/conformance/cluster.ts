/** What the suite needs of a cluster, asked before it starts: it fails late, and without saying why. */
import { kubectl, output } from '../cluster/kubectl.ts';

interface GatewayClass {
  status?: { conditions?: Array<{ type: string; status: string }>; supportedFeatures?: unknown[] };
}

/** Seconds for namespaces of the run before, which the suite deletes and does not wait for. */
const LEFTOVERS = 240;

export async function checkCluster(suite: string, gatewayClass: string): Promise<void> {
  const bundle = await output([
    ...['get', 'crd', 'gateways.gateway.networking.k8s.io', '-o'],
    'jsonpath={.metadata.annotations.gateway\\.networking\\.k8s\\.io/bundle-version}',
  ]);
  if (bundle !== suite) throw new Error(`the cluster has the CRDs of ${bundle}, and the suite is of ${suite}`);
  const { status = {} } = JSON.parse(await output(['get', 'gatewayclass', gatewayClass, '-o', 'json'])) as GatewayClass;
  const accepted = status.conditions?.find(({ type }) => type === 'Accepted');
  if (accepted?.status !== 'True') throw new Error(`GatewayClass ${gatewayClass} is not accepted: is Daemun deployed?`);
  if (!status.supportedFeatures?.length) throw new Error(`GatewayClass ${gatewayClass} says no supported features`);
  await leftovers();
}

async function leftovers(): Promise<void> {
  const names = (await output(['get', 'namespaces', '-o', 'name'])).split('\n');
  for (const name of names.filter((one) => one.startsWith('namespace/gateway-conformance'))) {
    const phase = await output(['get', name, '--ignore-not-found', '-o', 'jsonpath={.status.phase}']);
    if (phase !== 'Terminating') continue;
    console.log(`waiting for ${name} of the run before to end`);
    await kubectl(['wait', '--for=delete', name, `--timeout=${LEFTOVERS}s`], { timeout: LEFTOVERS * 1000 + 5000 });
  }
}
