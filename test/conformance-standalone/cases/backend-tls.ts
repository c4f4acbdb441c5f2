import { equal } from 'node:assert/strict';
import type { Ask } from '../ask.ts';
import { type Case, expectStatus } from '../case.ts';
import { call } from '../client.ts';
import { eventually, INFRA, type Scene } from '../scene.ts';
import { generationOf } from '../status.ts';

const UNAVAILABLE = 14;
const HOST = 'abc.example.com';
const GOOD = 'Accepted=True:Accepted ResolvedRefs=True:ResolvedRefs';
const BAD = 'Accepted=False:NoValidCACertificate ResolvedRefs=False:InvalidCACertificateRef';

function policy(name: string, conditions: string): string {
  return `BackendTLSPolicy ${name} @same-namespace ${conditions}`;
}

/** The Pod, which is asked for by this name. */
function reaches(path: string, tlsName = HOST): Ask {
  return { path, host: HOST, to: 'tls-backend', arrives: { tlsName } };
}

function fails(path: string): Ask {
  return { path, host: HOST, status: [500, 502, 503] };
}

/** Another CA ConfigMap comes into being, is emptied and filled again: the policy's status follows. */
async function followsConfigMap(scene: Scene): Promise<void> {
  const name = 'tls-checks-ca-certificate-reconcile-test';
  const ca = scene.material.authorities.get(`${INFRA}/tls-checks-ca-certificate`)!;
  scene.edit((find) => {
    find('BackendTLSPolicy', 'reconcile-test').spec.validation.caCertificateRefs[0]!.name = name;
  });
  await expectStatus(scene, policy('reconcile-test', BAD));
  scene.edit((find, manifests) => {
    const configMap = structuredClone(find('ConfigMap', 'tls-checks-ca-certificate'));
    configMap.metadata.name = name;
    manifests.push(configMap);
  });
  await expectStatus(scene, policy('reconcile-test', GOOD));
  scene.edit((find) => {
    find('ConfigMap', name).data!['ca.crt'] = '';
  });
  await expectStatus(scene, policy('reconcile-test', BAD));
  scene.edit((find) => {
    find('ConfigMap', name).data!['ca.crt'] = ca;
  });
  await expectStatus(scene, policy('reconcile-test', GOOD));
}

const CONFLICTS = 'backendtlspolicy-conflicted';

/** BackendTLSPolicy. */
export const BACKEND_TLS: Case[] = [
  {
    test: 'BackendTLSPolicy',
    served: ['HTTPRoute backendtlspolicy'],
    status: [
      'HTTPRoute backendtlspolicy-reencrypt @same-namespace-with-https-listener Accepted=True ResolvedRefs=True',
      `BackendTLSPolicy normative-test @same-namespace-with-https-listener ${GOOD}`,
      ...['normative-test', 'host-mismatch', 'cert-mismatch', 'reconcile-test'].map((name) => policy(name, GOOD)),
    ],
    asks: [
      {
        ...reaches('/backendtlspolicy'),
        on: 'same-namespace-with-https-listener',
        host: 'https-listener.org',
        tls: { name: 'https-listener.org' },
      },
      reaches('/backendtlspolicy'),
      fails('/backendtlspolicy-host-mismatch'),
      fails('/backendtlspolicy-cert-mismatch'),
    ],
    prove: followsConfigMap,
  },
  {
    test: 'BackendTLSPolicyConflictResolution',
    served: ['HTTPRoute backendtlspolicy-conflict-resolution'],
    status: [
      policy('conflicted-without-section-name-1', 'Accepted=True:Accepted'),
      policy('conflicted-without-section-name-2', 'Accepted=False:Conflicted'),
      policy('conflicted-with-section-name-1', 'Accepted=True:Accepted'),
      policy('conflicted-with-section-name-2', 'Accepted=False:Conflicted'),
      policy('not-conflicted-with-section-name', 'Accepted=True:Accepted'),
      policy('not-conflicted-without-section-name', 'Accepted=True:Accepted'),
    ],
    asks: [
      reaches(`/${CONFLICTS}-without-section-name`, 'other.example.com'),
      reaches(`/${CONFLICTS}-with-section-name`, 'other.example.com'),
      reaches('/backendtlspolicy-not-conflicted-with-section-name', 'other.example.com'),
      reaches('/backendtlspolicy-not-conflicted-without-section-name'),
    ],
  },
  {
    test: 'BackendTLSPolicyGRPCRoute',
    served: ['GRPCRoute backendtlspolicy-grpcroute', 'GRPCRoute backendtlspolicy-grpcroute-cert-mismatch'],
    status: ['grpc-normative-test', 'grpc-host-mismatch', 'grpc-cert-mismatch'].map((name) => policy(name, GOOD)),
    async prove(scene, { on }) {
      const place = scene.place(on, 80);
      const good = await call({ ...place, method: 'Echo', authority: HOST });
      equal(`${good.code} ${good.by}`, `0 ${INFRA}/grpc-infra-backend-v1`);
      const mismatches = [
        { method: 'EchoTwo', authority: HOST },
        { method: 'Echo', authority: 'cert-mismatch.example.com' },
      ];
      for (const one of mismatches) equal((await call({ ...place, ...one })).code, UNAVAILABLE);
    },
  },
  {
    test: 'BackendTLSPolicyInvalidCACertificateRef',
    status: [
      'HTTPRoute backendtlspolicy-invalid-ca-certificate-ref @same-namespace Accepted=True',
      policy('nonexistent-ca-certificate-ref', BAD),
      policy('malformed-ca-certificate-ref', BAD),
    ],
    asks: [
      fails('/backendtlspolicy-nonexistent-ca-certificate-ref'),
      fails('/backendtlspolicy-malformed-ca-certificate-ref'),
    ],
  },
  {
    test: 'BackendTLSPolicyInvalidKind',
    status: [policy('invalid-kind', 'Accepted=False:NoValidCACertificate ResolvedRefs=False:InvalidKind')],
    asks: [fails('/backendtlspolicy-invalid-kind')],
  },
  {
    test: 'BackendTLSPolicyObservedGenerationBump',
    status: [policy('observed-generation-bump', 'Accepted=True')],
    async prove(scene) {
      const generation = () => generationOf(scene.rig.report(), 'BackendTLSPolicy', 'observed-generation-bump');
      const before = generation();
      scene.edit((find) => {
        find('BackendTLSPolicy', 'observed-generation-bump').spec.validation.hostname = 'foo.example.com';
      });
      await eventually(() => equal(generation(), before + 1));
      await expectStatus(scene, policy('observed-generation-bump', 'Accepted=True'));
    },
  },
  {
    test: 'BackendTLSPolicySANValidation',
    served: ['HTTPRoute backendtlspolicy-san-test'],
    status: [
      ...['san-dns', 'san-dns-mismatch', 'san-uri', 'san-uri-mismatch'].map((name) => policy(name, GOOD)),
      ...['multiple-sans', 'multiple-mismatch-sans'].map((name) => policy(name, GOOD)),
    ],
    asks: [
      ...['san-dns', 'san-uri', 'multiple-sans'].map((name) => reaches(`/backendtlspolicy-${name}`)),
      ...['san-dns-mismatch', 'san-uri-mismatch', 'multiple-mismatch-sans'].map((name) =>
        fails(`/backendtlspolicy-${name}`),
      ),
    ],
  },
];
