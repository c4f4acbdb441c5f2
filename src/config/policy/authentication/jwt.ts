import * as v from 'valibot';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../value/json-web-key.ts';
import { key, lineText, object, type Shape } from '../../shape.ts';
import { type CredentialPlace, credentialPlace } from './credential-place.ts';

/** Signed tokens (RFC 7519, RFC 8725). */
export interface JwtMethod {
  type: 'Jwt';
  name: string;
  /** Each issuer once. */
  providers: JwtProvider[];
  from: CredentialPlace[];
  realm: string;
  /** The backend gets the token, too. */
  forwards: boolean;
}

export interface JwtProvider {
  issuer: string;
  /** One of them must be meant; empty: whoever. */
  audiences: string[];
  algorithms: SignatureAlgorithm[];
  /** Milliseconds that clocks may differ. */
  clockSkew: number;
  /** Key of a Credential that is a set of keys. */
  credential: string;
}

const algorithms = Object.keys(SIGNATURE_ALGORITHMS) as SignatureAlgorithm[];

export const jwtMethod: Shape<JwtMethod> = object<JwtMethod>({
  type: v.literal('Jwt'),
  name: key,
  providers: v.pipe(
    v.array(
      object<JwtProvider>({
        issuer: key,
        audiences: v.array(key),
        algorithms: v.pipe(v.array(v.picklist(algorithms)), v.minLength(1)),
        clockSkew: v.pipe(v.number(), v.minValue(0)),
        credential: key,
      }),
    ),
    v.minLength(1),
  ),
  from: v.pipe(v.array(credentialPlace), v.minLength(1)),
  realm: lineText,
  forwards: v.boolean(),
});
