import type { ClientTrafficPolicy, ObjectReference } from '../../api/index.ts';
import type { Fields } from '../fields.ts';

type Certificates = NonNullable<ClientTrafficPolicy['spec']['clientCertificates']>;

/** They narrow who passes: whoever is verified is let in here until another policy says who. */
const NARROWER = 'the clientCertificate of an AuthenticationPolicy says which of the verified pass: write it';

export function clientCertificates(asked: Fields | undefined): Certificates | undefined {
  if (asked === undefined) return undefined;
  for (const field of ['subjectAltNames', 'spkiHashes', 'certificateHashes']) asked.lost(field, NARROWER);
  const isOptional = asked.flag('optional', { ours: 'clientCertificates.mode' });
  const caCertificateRefs = references(asked, 'caCertificateRefs', 'clientCertificates.caCertificateRefs');
  const crl = asked.object('crl');
  crl?.only('onlyVerifyLeafCertificate', false, 'with a list, every authority of a chain needs one');
  const lists = crl === undefined ? [] : references(crl, 'refs', 'clientCertificates.revocationListRefs');
  if (caCertificateRefs.length === 0) {
    asked.refuse('caCertificateRefs', 'no authority is named: clients are asked for nothing until one is');
    return undefined;
  }
  return {
    mode: isOptional ? 'Optional' : 'Required',
    caCertificateRefs,
    ...(lists.length === 0 ? {} : { revocationListRefs: lists }),
  };
}

function references(fields: Fields, name: string, ours: string): ObjectReference[] {
  return fields.objects(name).flatMap((ref) => {
    const named = ref.text('name', { ours });
    const [group = '', kind = 'Secret', namespace] = [ref.text('group'), ref.text('kind'), ref.text('namespace')];
    if (named === undefined) return [];
    return [{ group, kind, name: named, ...(namespace === undefined ? {} : { namespace }) }];
  });
}
