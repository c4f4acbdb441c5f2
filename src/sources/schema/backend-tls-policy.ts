import type { BackendTLSPolicy, SubjectAltName } from '../../api/index.ts';
import { absoluteUri, hostname, preciseHostname, wellKnownCas } from './format.ts';
import { tlsOptions } from './listener.ts';
import { localReference, policyTargetReference, targetsAreDistinct } from './reference.ts';
import { list, object, oneOf, optional, type Rule, required, rule } from './schema.ts';

type Validation = BackendTLSPolicy['spec']['validation'];

function altNameFits(type: SubjectAltName['type'], field: 'hostname' | 'uri'): Rule[] {
  return [
    rule<SubjectAltName>(`is required when type is ${type}`, (san) => san.type !== type || !!san[field], field),
    rule<SubjectAltName>(
      `goes with type ${type} only; change type or remove it`,
      (san) => san.type === type || !san[field],
      field,
    ),
  ];
}

const subjectAltName = object(
  { type: required(oneOf('Hostname', 'URI')), hostname: optional(hostname), uri: optional(absoluteUri) },
  { rules: [...altNameFits('Hostname', 'hostname'), ...altNameFits('URI', 'uri')] },
);

const validation = object(
  {
    caCertificateRefs: optional(list(localReference, { max: 8 })),
    wellKnownCACertificates: optional(wellKnownCas),
    hostname: required(preciseHostname),
    subjectAltNames: optional(list(subjectAltName, { max: 5 })),
  },
  {
    rules: [
      rule<Validation>(
        'must not have both caCertificateRefs and wellKnownCACertificates; remove one of the two',
        (v) => !v.caCertificateRefs?.length || v.wellKnownCACertificates === undefined,
      ),
      rule<Validation>(
        'must have caCertificateRefs, or wellKnownCACertificates: System for the roots of the machine',
        (v) => !!v.caCertificateRefs?.length || v.wellKnownCACertificates !== undefined,
      ),
    ],
  },
);

export const backendTlsPolicySpec = object({
  targetRefs: required(list(policyTargetReference, { min: 1, max: 16, rules: targetsAreDistinct })),
  validation: required(validation),
  options: optional(tlsOptions),
});
