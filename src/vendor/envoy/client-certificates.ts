import type { ClientTrafficPolicy, ObjectReference } from '../../api/index.ts';
import type { Fields } from '../fields.ts';

type Certificates = NonNullable<ClientTrafficPolicy['spec']['clientCertificates']>;

/** They narrow who passes: whoever is verified is let in here until another policy says who. */
const NARROWER = 'the clientCertificate of an AuthenticationPolicy says which of the verified pass: write it';

const MODES = {
  RequireAndVerify: 'Required',
  VerifyIfGiven: 'Optional',
  Request: 'OptionalUnverified',
  // Nothing that is nearer to it keeps anybody out.
  RequireAny: 'Required',
} as const;

/** `headers`: what backends are told of a certificate. */
export function clientCertificates(asked: Fields | undefined, headers: Fields | undefined): Certificates | undefined {
  const forward = forwarded(headers?.object('xForwardedClientCert'));
  if (asked === undefined) return undefined;
  for (const field of ['subjectAltNames', 'spkiHashes', 'certificateHashes']) asked.lost(field, NARROWER);
  asked.only('allowExpiredCertificate', false, 'who shows a certificate that has expired is refused');
  const mode = modeOf(asked);
  const caCertificateRefs = references(asked, 'caCertificateRefs', 'clientCertificates.caCertificateRefs');
  const crl = asked.object('crl');
  crl?.only('onlyVerifyLeafCertificate', false, 'with a list, every authority of a chain needs one');
  const lists = crl === undefined ? [] : references(crl, 'refs', 'clientCertificates.revocationListRefs');
  if (caCertificateRefs.length === 0) {
    asked.refuse('caCertificateRefs', 'no authority is named: clients are asked for nothing until one is');
    return undefined;
  }
  return {
    mode,
    caCertificateRefs,
    ...(lists.length === 0 ? {} : { revocationListRefs: lists }),
    ...(forward === undefined ? {} : { forward }),
  };
}

function modeOf(asked: Fields): Certificates['mode'] {
  const ours = 'clientCertificates.mode';
  const isOptional = asked.flag('optional', { ours });
  const mode = asked.oneOf('mode', ['Request', 'RequireAny', 'VerifyIfGiven', 'RequireAndVerify'], { ours });
  if (mode === 'RequireAny') asked.refuse('mode', 'who shows a certificate that is not valid is refused: Required');
  return MODES[mode ?? (isOptional ? 'VerifyIfGiven' : 'RequireAndVerify')];
}

const RFC_9440 = 'backends get Client-Cert (RFC 9440), and never what a client says itself';

function forwarded(asked: Fields | undefined): Certificates['forward'] {
  const fate = { ours: 'clientCertificates.forward', differs: RFC_9440 };
  const mode = asked?.text('mode', fate);
  if (mode !== undefined && mode !== 'Sanitize' && mode !== 'SanitizeSet') {
    asked!.refuse('mode', `${mode} is not served: ${RFC_9440}`);
  }
  return asked?.texts('certDetailsToAdd', fate)?.includes('Chain') ? { chain: true } : undefined;
}

function references(fields: Fields, name: string, ours: string): ObjectReference[] {
  return fields.objects(name).flatMap((ref) => {
    const named = ref.text('name', { ours });
    const [group = '', kind = 'Secret', namespace] = [ref.text('group'), ref.text('kind'), ref.text('namespace')];
    if (named === undefined) return [];
    return [{ group, kind, name: named, ...(namespace === undefined ? {} : { namespace }) }];
  });
}
