/** What TLS may be asked for, towards clients and towards endpoints. */
import { oneOf, type StringSchema } from './schema.ts';

export const tlsVersion: StringSchema = oneOf('1.0', '1.1', '1.2', '1.3');

/** As OpenSSL names them. */
export const TLS_CURVES: readonly string[] = [
  ...['X25519MLKEM768', 'SecP256r1MLKEM768', 'X25519', 'X448'],
  ...['P-256', 'P-384', 'P-521'],
];
