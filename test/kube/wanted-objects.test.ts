/** All that is made for a Gateway, as it is applied: what a change of the code does to a cluster shows in these files. */
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { DaemunParametersSpec, WantedInfrastructure } from '../../src/api/index.ts';
import { wantedObjects } from '../../src/reconcile/index.ts';
import { MOST_GATEWAY_PORTS } from '../../src/translate/gateway/port-allotment.ts';
import { SETTINGS } from './infrastructure-desk.ts';

const EDGE: WantedInfrastructure = {
  namespace: 'shop',
  name: 'edge',
  uid: '00000000-0000-0000-0000-000000000001',
  className: 'daemun',
  labels: { team: 'shop', 'app.kubernetes.io/name': 'not-theirs-to-say' },
  annotations: { note: 'from spec.infrastructure' },
  ports: [
    { port: 53, protocol: 'UDP' },
    { port: 443, protocol: 'TCP' },
  ],
  requests: [],
  parameters: {},
};

const ALL: DaemunParametersSpec = {
  autoscaling: { minReplicas: 2, maxReplicas: 10, cpuUtilization: 70, memoryUtilization: 90 },
  disruptionBudget: { minAvailable: '50%' },
  service: {
    type: 'LoadBalancer',
    nodePorts: [{ port: 443, protocol: 'TCP', nodePort: 30443 }],
    externalTrafficPolicy: 'Local',
    loadBalancerIP: '192.0.2.1',
    loadBalancerClass: 'example.com/lb',
    loadBalancerSourceRanges: ['10.0.0.0/8'],
    ipFamilyPolicy: 'PreferDualStack',
    annotations: { 'example.com/scheme': 'internal' },
  },
  networkPolicy: { metricsFrom: [{ namespaceSelector: { matchLabels: { name: 'monitoring' } } }] },
  pod: {
    imagePullSecrets: [{ name: 'registry' }],
    resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '1Gi' } },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'edge', operator: 'Exists' }],
    priorityClassName: 'high',
    terminationGracePeriodSeconds: 120,
    labels: { tier: 'edge' },
    env: [{ name: 'TZ', value: 'UTC' }],
    volumes: [{ name: 'extra', emptyDir: {} }],
    volumeMounts: [{ name: 'extra', mountPath: '/extra' }],
  },
  workers: 2,
  cache: { size: '2Gi' },
  countryDatabase: {
    file: 'GeoLite2-Country.mmdb',
    volume: { persistentVolumeClaim: { claimName: 'countries', readOnly: true } },
  },
  logLevel: 'debug',
  accessLog: 'json',
};

const CASES: Record<string, Partial<WantedInfrastructure>> = {
  plain: {},
  parameters: { parameters: ALL },
  'host-network': { parameters: { workload: 'DaemonSet', pod: { hostNetwork: true }, service: { type: 'ClusterIP' } } },
};

test.each(Object.entries(CASES))('%s', async (name, given) => {
  const objects = wantedObjects({ ...EDGE, ...given }, SETTINGS);
  const text = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  await expect(text).toMatchFileSnapshot(`golden/${name}.yaml`);
});

test('the admin port of a pod on its node’s network is another in each form of it, and the same in the same form', () => {
  const adminOf = (image: string): unknown => {
    const parameters: DaemunParametersSpec = { pod: { hostNetwork: true } };
    const objects = wantedObjects({ ...EDGE, parameters }, { ...SETTINGS, image });
    const text = JSON.stringify(objects.find(({ kind }) => kind === 'Deployment'));
    expect(text).not.toContain('containerPort');
    return /--admin=127\.0\.0\.1:(\d+)/.exec(text)?.[1];
  };
  expect(adminOf('a')).toBe(adminOf('a'));
  expect(adminOf('a')).not.toBe(adminOf('b'));
});

test('which pods and which workload an object is about is not for a patch to change', () => {
  const patches = [
    { kind: 'NetworkPolicy', patch: { spec: { podSelector: { $patch: 'replace' }, egress: [{}] } } },
    { kind: 'HorizontalPodAutoscaler', patch: { spec: { scaleTargetRef: { name: 'other' }, maxReplicas: 3 } } },
    { kind: 'PodDisruptionBudget', patch: { spec: { selector: { matchLabels: { app: 'other' } } } } },
    { kind: 'Service', patch: { spec: { selector: { app: 'other' } } } },
  ] as const;
  const made = (parameters: DaemunParametersSpec): unknown[] =>
    wantedObjects({ ...EDGE, parameters }, SETTINGS).map(({ kind, spec }) => {
      const { selector, podSelector, scaleTargetRef } = (spec ?? {}) as Record<string, unknown>;
      return { kind, selector, podSelector, scaleTargetRef };
    });
  expect(made({ ...ALL, patches: [...patches] })).toEqual(made(ALL));
});

/** What etcd stores of one object, unless it is told otherwise. */
const STORED = 1_572_864;

test('with as many ports as a Gateway can have each object leaves most of what can be stored to fields of the server', () => {
  const ports = Array.from({ length: MOST_GATEWAY_PORTS }, (_, at) => ({
    port: 64_000 + at,
    protocol: 'TCP' as const,
  }));
  for (const object of wantedObjects({ ...EDGE, ports }, SETTINGS)) {
    expect(JSON.stringify(object).length).toBeLessThan(STORED / 8);
  }
});
