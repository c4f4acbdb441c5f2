/**
 * `npm run deploy:test`: installs the chart, as Helm renders it, with its GatewayClass `daemun` into the cluster of
 * KUBECONFIG, and waits until it is ready. Flags go to Helm, which must be on the PATH then; without any, the plain
 * manifests are taken, which a test holds to what Helm renders.
 */
import { kubectl, output } from './kubectl.ts';
import { rendered } from './render.ts';

const NAMESPACE = 'daemun-system';
const DEPLOYMENT = 'deployment/daemun-controller';
/** Seconds for all replicas: images may have to be pulled. */
const READY = 240;

await main();

async function main(): Promise<void> {
  try {
    await deploy();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    await explain();
    process.exitCode = 1;
  }
}

async function deploy(): Promise<void> {
  const began = performance.now();
  await output(['get', 'crd', 'gateways.gateway.networking.k8s.io', '-o', 'name']).catch(() => {
    throw new Error("the Gateway API's CRDs are not installed in this cluster: install them first");
  });
  const before = await output(['-n', NAMESPACE, 'get', DEPLOYMENT, '--ignore-not-found', '-o', 'name']);
  const input = await rendered(process.argv.slice(2));
  console.log((await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input })).trimEnd());
  // The same image may be another program: it is a checkout where pods are processes.
  if (before !== '') await kubectl(['-n', NAMESPACE, 'rollout', 'restart', DEPLOYMENT]);
  const timeout = READY * 1000 + 5000;
  await kubectl(['-n', NAMESPACE, 'rollout', 'status', DEPLOYMENT, `--timeout=${READY}s`], { timeout });
  await kubectl(['wait', '--for=condition=Accepted', 'gatewayclass/daemun', `--timeout=${READY}s`], { timeout });
  console.log(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** What there is to see of a deployment that does not get ready. */
async function explain(): Promise<void> {
  for (const args of [
    ['get', 'pods', '-o', 'wide'],
    ['get', 'events', '--sort-by=.lastTimestamp'],
    ['logs', DEPLOYMENT, '--tail=40'],
  ]) {
    console.error(await kubectl(['-n', NAMESPACE, ...args]).catch((error: Error) => error.message));
  }
}
