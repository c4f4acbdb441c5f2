import { equal, rejects } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { type Ask, checkAsk, echoOf } from '../ask.ts';
import { type Case, expectAsk } from '../case.ts';
import { INFRA, type Scene } from '../scene.ts';

const CLIENT = 'tls-validity-checks-client-certificate';
const PER_PORT = 'tls-validity-checks-per-port-client-certificate';

/** By a client with this certificate, or with none: to the first listener, and to the one on 8443. */
function first(client?: string): Ask {
  return { path: '/', host: 'example.org', tls: { name: 'example.org', client }, to: 'infra-backend-v1' };
}

function second(client?: string): Ask {
  const host = 'second-example.org';
  return { path: '/', host, port: 8443, tls: { name: host, client }, to: 'infra-backend-v2' };
}

/** No answer at all, and not one of another status. */
async function fails(scene: Scene, on: string, ask: Ask): Promise<void> {
  await rejects(expectAsk(scene, on, ask), (error: NodeJS.ErrnoException) => error.code !== 'ERR_ASSERTION');
}

function refused(listener: string, why: string): string {
  const conditions = `ResolvedRefs=False:${why} Accepted=False:NoValidCACertificate Programmed=False`;
  return `Gateway gateway-with-invalid-client-cert-validation #${listener} ${conditions}`;
}

const DEFAULT = 'invalid-default-client-validation-config';
const SERVING = 'ResolvedRefs=True Accepted=True Programmed=True';

function unresolved(why: string, reason: string): string {
  return `Gateway gateway-client-certificate-${why} ResolvedRefs=False:${reason} Accepted=True:Accepted`;
}

/** Certificates that clients show to the Gateway, and the Gateway to backends. */
export const GATEWAY_TLS: Case[] = [
  {
    test: 'GatewayFrontendClientCertificateValidation',
    on: 'client-validation-default',
    served: ['test', 'test-no-hostname'].map((name) => `HTTPRoute client-certificate-validation-https-${name}`),
    asks: [first(CLIENT), second(PER_PORT)],
    async prove(scene, { on }) {
      await fails(scene, on, first(PER_PORT));
      await fails(scene, on, first());
      await fails(scene, on, second(CLIENT));
    },
  },
  {
    test: 'GatewayFrontendClientCertificateValidationInsecureFallback',
    on: 'client-validation-insecure-fallback',
    served: ['test', 'test-no-hostname'].map((name) => `HTTPRoute client-cert-validation-insecure-fallback-${name}`),
    status: ['Gateway client-validation-insecure-fallback InsecureFrontendValidationMode=True:ConfigurationChanged'],
    asks: [CLIENT, PER_PORT, undefined].flatMap((client) => [first(client), second(client)]),
  },
  {
    test: 'GatewayFrontendInvalidDefaultClientCertificateValidation',
    on: DEFAULT,
    status: [
      `Gateway ${DEFAULT} #http ${SERVING}`,
      `Gateway ${DEFAULT} #https ResolvedRefs=False:InvalidCACertificateRef Accepted=False:NoValidCACertificate Programmed=False`,
    ],
    asks: ['example.org/ > v1'],
    async prove(scene, { on }) {
      // The port is not even open.
      await rejects(checkAsk(scene, on, first()), /no listener serves port 443/);
    },
  },
  {
    test: 'GatewayInvalidFrontendClientCertificateValidation',
    status: [
      `Gateway gateway-with-invalid-client-cert-validation #https ${SERVING}`,
      refused('https-unresolved', 'InvalidCACertificateRef'),
      refused('https-invalid-kind', 'InvalidCACertificateKind'),
      refused('https-grant-missing', 'RefNotPermitted'),
    ],
  },
  {
    test: 'GatewayInvalidTLSBackendConfiguration',
    status: [
      ...['nonexistent-secret', 'unsupported-group', 'unsupported-kind', 'malformed-secret'].map((why) =>
        unresolved(why, 'InvalidClientCertificateRef'),
      ),
      unresolved('missing-reference-grant', 'RefNotPermitted'),
    ],
  },
  {
    test: 'GatewayTLSBackendClientCertificate',
    on: 'gateway-tls-backend-client-certificate',
    served: ['HTTPRoute gateway-tls-backend-client-certificate'],
    status: [
      'BackendTLSPolicy gateway-tls-backend-client-certificate-test @gateway-tls-backend-client-certificate Accepted=True',
      'Gateway gateway-tls-backend-client-certificate ResolvedRefs=True:ResolvedRefs',
    ],
    async prove(scene, { on }) {
      const host = 'abc.example.com';
      const to = 'tls-backend-with-client-cert-validation';
      const answer = await checkAsk(scene, on, { path: '/', host, to, arrives: { tlsName: host } });
      const shown = scene.material.pairs.get(`${INFRA}/tls-checks-client-certificate`)!;
      equal(echoOf(answer).tls?.client, new X509Certificate(shown.certificate).toString());
    },
  },
];
