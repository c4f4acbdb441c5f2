/** Our charts, as Helm renders them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { daemun } from '../cli/daemun-process.ts';
import { ANY_CLUSTER, RELEASE } from '../cluster/render.ts';
import { helm, helmProgram, tryHelm } from './helm.ts';

const CHARTS = fileURLToPath(new URL('../../charts', import.meta.url));
const PLAIN = `${CHARTS}/install.yaml`;
const GATEWAY = `${CHARTS}/gateway`;
const HEAD = '# Written by `npm run docs` from charts/daemun: what Helm renders with the values that it has.\n';

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string> };
  rules?: Array<{ apiGroups: string[]; resources: string[]; verbs: string[] }>;
  spec?: { template?: { spec: PodSpec }; replicas?: number };
}

interface PodSpec {
  securityContext: Record<string, unknown>;
  containers: Array<{ args: string[]; securityContext: Record<string, unknown> }>;
}

/** The same charts for the next Helm. */
const program = helmProgram(process.env.HELM_VERSION === 'v4' ? 'v4' : 'v3');
/** Without the empty lines that Helm 4 puts before a document. */
const render = async (args: readonly string[]): Promise<string> =>
  (await helm(program!, ['template', ...args, ...ANY_CLUSTER])).stdout.replaceAll(/\n{2,}(?=---\n)/g, '\n');
const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((document) => (document.contents === null ? [] : [document.toJS() as Manifest]));
const withValues = async (...values: string[]): Promise<Manifest[]> =>
  manifestsOf(await render([...RELEASE, ...values.flatMap((one) => ['--set', one])]));

describe.runIf(program !== undefined)('the chart daemun', () => {
  test('the plain manifests are what it renders', async () => {
    await expect(HEAD + (await render(RELEASE))).toMatchFileSnapshot(PLAIN);
  });

  test.each(['daemun', 'gateway'])('%s has nothing that Helm finds fault with', async (chart) => {
    const { stdout } = await helm(program!, ['lint', '--strict', `${CHARTS}/${chart}`]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  const PARAMETERS =
    'gatewayClass.parameters={"service":{"type":"NodePort"},"countryDatabase":{"file":"a.mmdb","volume":{"hostPath":{"path":"/geo"}}},"patches":[{"kind":"Pod","patch":{"spec":{"hostAliases":[]}}}]}';
  const withParameters = async (...more: string[]): Promise<Manifest[]> =>
    manifestsOf(await render([...RELEASE, ...more, '--set-json', PARAMETERS]));

  test('the class has whatever DaemunParameters can say, from the first installation on', async () => {
    const known = ['--api-versions', 'gateway.daemun.dev/v1alpha1/DaemunParameters'];
    const [first, later] = [await withParameters(), await withParameters(...known)];
    for (const manifests of [first, later]) {
      const reference = { group: 'gateway.daemun.dev', kind: 'DaemunParameters' };
      const made = { name: expect.stringMatching(/^daemun-[0-9a-f]{8}$/), namespace: 'daemun-system' };
      expect(manifests.find(({ kind }) => kind === 'GatewayClass')!.spec).toMatchObject({
        parametersRef: { ...reference, ...made },
      });
      expect(manifests.find(({ kind }) => kind === 'DaemunParameters')).toMatchObject({
        metadata: { ...made, annotations: { 'meta.helm.sh/release-name': 'daemun' } },
        spec: JSON.parse(PARAMETERS.slice(PARAMETERS.indexOf('=') + 1)) as object,
      });
    }
    // Before there is the CRD, Helm would not know the kind.
    const isHook = (manifests: Manifest[]): boolean =>
      'helm.sh/hook' in manifests.find(({ kind }) => kind === 'DaemunParameters')!.metadata.annotations!;
    expect([isHook(first), isHook(later)]).toEqual([true, false]);
    // Helm 3 does not change what a hook has made.
    const nameOf = (manifests: Manifest[]): string =>
      manifests.find(({ kind }) => kind === 'DaemunParameters')!.metadata.name;
    const changed = await withParameters(...known, '--set', 'gatewayClass.parameters.workers=2');
    expect(nameOf(later)).toBe(nameOf(first));
    expect(nameOf(changed)).not.toBe(nameOf(first));
  });

  test('what a pod of the controller has can be said: volumes, and users that the cluster chooses', async () => {
    const values = [
      'controller.volumes=[{"name":"authorities","configMap":{"name":"authorities"}}]',
      'controller.volumeMounts=[{"name":"authorities","mountPath":"/authorities"}]',
      'controller.podSecurityContext={"runAsUser":null,"runAsGroup":null,"fsGroup":null}',
    ];
    const args = values.flatMap((value) => ['--set-json', value]);
    const [{ spec } = {}] = manifestsOf(await render([...RELEASE, ...args])).filter(
      ({ kind }) => kind === 'Deployment',
    );
    expect(spec!.template!.spec).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      volumes: [{ name: 'authorities', configMap: { name: 'authorities' } }],
      containers: [{ volumeMounts: [{ name: 'authorities', mountPath: '/authorities' }] }],
    });
    expect(Object.keys(spec!.template!.spec.securityContext).sort()).toEqual(['runAsNonRoot', 'seccompProfile']);
  });

  test.each([
    ['gatewayClass.parameters.workload=Pod', 'workload'],
    ['gatewayClass.parameters.service.kind=NodePort', 'kind'],
    ['gatewayClass.parameters.replicas=2,gatewayClass.parametersRef.name=other', 'name one of them'],
    ['gatewayClass.create=false,gatewayClass.parameters.replicas=2', 'write spec.parametersRef into your own'],
    ['gatewayClass.create=false,gatewayClass.parametersRef.name=other', 'write spec.parametersRef into your own'],
    ['gatewayClass.parametersRef.namespace=other', 'name'],
    [
      'gatewayClass.parameters.replicas=2,controller.watchNamespaces={shop}',
      'name daemun-system in controller.watchNamespaces',
    ],
    ['controller.replica=3', 'replica'],
    ['controller.replicas=many', 'replicas'],
    ['image.pullPolicy=Sometimes', 'pullPolicy'],
    ['controller.log.level=loud', 'level'],
  ])('a value that is none is refused: %s', async (value, named) => {
    const { code, stderr } = await tryHelm(program!, ['template', ...RELEASE, ...ANY_CLUSTER, '--set', value]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(named);
  });

  test('its pods meet the pod security standard "restricted"', async () => {
    const [{ spec } = {}] = (await withValues()).filter(({ kind }) => kind === 'Deployment');
    const pod = spec!.template!.spec;
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    for (const { securityContext } of pod.containers) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
  });

  test('with namespaces given, nothing of users is read or written in others', async () => {
    const manifests = await withValues('controller.watchNamespaces={one,two}');
    const cluster = manifests.find(({ kind }) => kind === 'ClusterRole')!;
    const wide = cluster.rules!.flatMap(({ resources }) => resources);
    expect(wide.sort()).toEqual([
      ...[
        // Of the cluster and of no namespace: authorities that everybody may read.
        'clustertrustbundles',
        'customresourcedefinitions',
        'gatewayclasses',
        'gatewayclasses/status',
        // Whether another installation has the same controller name: no Lease of others is written.
        'leases',
        'namespaces',
        'nodes',
        'tokenreviews',
      ],
    ]);
    const roles = manifests.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace);
    expect(roles).toEqual(['daemun-system', 'one', 'two']);
    const { args } = manifests.find(({ kind }) => kind === 'Deployment')!.spec!.template!.spec.containers[0]!;
    expect(args).toEqual(expect.arrayContaining(['--namespace=one', '--namespace=two']));
  });

  test('nobody is given a right to read everything, or to give rights', async () => {
    for (const { kind, rules = [] } of await withValues()) {
      for (const { apiGroups, resources, verbs } of rules) {
        expect(verbs, kind).not.toContain('*');
        if (apiGroups.every((group) => group.endsWith('daemun.dev'))) continue;
        for (const resource of resources) expect(resource).not.toMatch(/^(\*|.*role.*|pods\/exec)$/);
      }
    }
  });

  test('one replica has no disruption budget, and no part is made that was turned off', async () => {
    const kinds = (await withValues('controller.replicas=1')).map(({ kind }) => kind);
    expect(kinds).not.toContain('PodDisruptionBudget');
    const less = await withValues(
      ...['crds.install=false', 'gatewayClass.create=false', 'networkPolicy.enabled=false', 'rbac.create=false'],
      ...['serviceAccount.create=false', 'namespace.create=false'],
    );
    expect(less.map(({ kind }) => kind).sort()).toEqual(['Deployment', 'PodDisruptionBudget', 'Service']);
  });

  test('monitors, alerts and dashboards are made where they are asked for', async () => {
    const parts = ['serviceMonitor', 'podMonitor', 'prometheusRule', 'dashboards'];
    const kinds = (await withValues(...parts.map((part) => `monitoring.${part}.enabled=true`))).map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['ServiceMonitor', 'PodMonitor', 'PrometheusRule', 'ConfigMap']));
  });
});

describe.runIf(program !== undefined)('the chart gateway', () => {
  const files = (environment: string): string[] =>
    ['everywhere', environment].flatMap((name) => ['-f', `${GATEWAY}/environments/${name}.yaml`]);
  const environment = (name: string): Promise<string> => render(['shop', GATEWAY, '-n', 'shop', ...files(name)]);

  test.each(['development', 'staging', 'production'])('renders %s', async (name) => {
    await expect(await environment(name)).toMatchFileSnapshot(`golden/gateway-${name}.yaml`);
  });

  test.each(['development', 'staging', 'production'])('%s is accepted', async (name) => {
    const others = readFileSync(new URL('services.yaml', import.meta.url), 'utf8');
    const manifests = (await environment(name)).replace(
      /---\n# Source: [^\n]*\napiVersion: cert-manager[\s\S]*?(?=---)/g,
      '',
    );
    const { stdout, stderr } = await daemun(['check', '-f', '-'], `${manifests}\n${others}`);
    // Secrets come from cert-manager, or lie there.
    expect(stderr + stdout).not.toMatch(
      /^error: (?!listener \w+: Secret shop\/[\w-]+ does not exist; --certificate )/m,
    );
    expect(stdout).toMatch(/^HTTPRoute shop\/shop, parent shop\/edge\/shop +Accepted ResolvedRefs$/m);
  });

  test('every value has its place, and what comes out is accepted', async () => {
    const file = fileURLToPath(new URL('everything.yaml', import.meta.url));
    const rendered = await render(['shop', GATEWAY, '-n', 'shop', '-f', file]);
    await expect(rendered).toMatchFileSnapshot('golden/gateway-everything.yaml');
    const others = readFileSync(new URL('services.yaml', import.meta.url), 'utf8');
    const { stdout, stderr } = await daemun(['check', '-f', '-'], `${rendered}\n${others}`);
    expect(stderr + stdout).not.toMatch(/^error: (?!.*Secret shop\/to-backends does not exist)/m);
    expect(stdout).toMatch(/^HTTPRoute shop\/both, parent shop\/edge\/shop +Accepted ResolvedRefs$/m);
    expect(stdout).toMatch(/^HTTPRoute shop\/anywhere, parent shop\/edge +Accepted ResolvedRefs$/m);
  });

  test.each([
    ['gateways.edge.parameters.replica=2', 'replica'],
    ['gateways.edge.parameters.replicas=2,gateways.edge.infrastructure.parametersRef.name=x', 'name one of them'],
    ['policies.limits.kind=RateLimitPolicy', 'spec'],
    ['routes.shop.gateway=edgy', 'there is no gateway edgy'],
    ['routes.shop.host=shp', 'gateway edge has no host shp'],
    ['gateways.edge.hosts.shop.hostnames=a', 'hostnames'],
  ])('a mistake is told: %s', async (value, told) => {
    const args = ['template', 'shop', GATEWAY, ...files('staging'), ...ANY_CLUSTER, '--set', value];
    const { code, stderr } = await tryHelm(program!, args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(told);
  });

  test('a certificate without an issuer is refused', async () => {
    const args = ['template', 'shop', GATEWAY, ...files('staging'), ...ANY_CLUSTER, '--set', 'issuer=null'];
    const { stderr } = await tryHelm(program!, args);
    expect(stderr).toContain('asks for a certificate, and no issuer is named');
  });
});
