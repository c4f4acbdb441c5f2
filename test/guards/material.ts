/** Certificates, keys and tokens that rows of the table share. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { tlsSecret } from '../served/manifest.ts';
import { Authority } from '../tls/authority.ts';

const DAY = 24 * 60 * 60;
const authority = await Authority.make('ours');
const strangers = await Authority.make('theirs');
const [known, revoked, foreign, served, endpoint] = await Promise.all([
  authority.sign({ name: 'known' }),
  authority.sign({ name: 'revoked' }),
  strangers.sign({ name: 'known' }),
  authority.sign({ name: 'served', dns: ['*.example'] }),
  authority.sign({ name: 'localhost', dns: ['localhost', 's.example'] }),
]);
const shown = ({ certificate: cert, privateKey: key }: typeof known): { cert: string; key: string } => ({ cert, key });
const keys = generateKeyPairSync('ed25519');

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = (claims: object): object => ({ exp: Math.floor(Date.now() / 1000) + DAY, sub: 'u', ...claims });

export const MATERIAL = {
  /** PEM. */
  authority: `${authority.certificate}\n`,
  revocations: {
    current: await authority.revocations([revoked]),
    ended: await authority.revocations([revoked], -1),
  },
  /** What a listener shows. */
  served: tlsSecret('served', served),
  /** What whoever is asked shows. */
  endpoint: shown(endpoint),
  clients: { known: shown(known), revoked: shown(revoked), foreign: shown(foreign) },
  jwks: JSON.stringify({ keys: [keys.publicKey.export({ format: 'jwk' })] }),
  token(claims: object): string {
    const input = `${base64({ alg: 'EdDSA' })}.${base64(claimsOf(claims))}`;
    return `${input}.${sign(null, Buffer.from(input), keys.privateKey).toString('base64url')}`;
  },
  tokenBy(secret: string, claims: object): string {
    const input = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claimsOf(claims))}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  },
};
