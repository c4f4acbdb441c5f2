import * as v from 'valibot';
import { key, object, type Shape } from '../../shape.ts';

/** Who shows a certificate that the listener has verified. */
export interface ClientCertificateMethod {
  type: 'ClientCertificate';
  name: string;
  /** Whose: those that one of these takes; empty: all that were verified. */
  match: CertificateMatch[];
}

export interface CertificateMatch {
  field: 'Subject' | 'CommonName' | 'DNS' | 'URI' | 'Email';
  type: 'Exact' | 'RegularExpression';
  value: string;
}

export const clientCertificateMethod: Shape<ClientCertificateMethod> = object<ClientCertificateMethod>({
  type: v.literal('ClientCertificate'),
  name: key,
  match: v.array(
    object<CertificateMatch>({
      field: v.picklist(['Subject', 'CommonName', 'DNS', 'URI', 'Email']),
      type: v.picklist(['Exact', 'RegularExpression']),
      value: v.string(),
    }),
  ),
});
