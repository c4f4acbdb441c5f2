import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { type GoldenCase, type GoldenOutput, runGolden, type TestPem } from './golden.suite.ts';

/**
 * Golden cases: each file holds what goes in, and below the marker all that comes out. `GOLDEN=write` writes the
 * lower parts anew; read what it wrote before you trust it.
 */
const FOLDER = join(import.meta.dirname, 'golden');
const MARKER = '# --- what comes out ---\n';

async function selfSigned(): Promise<TestPem> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { name: 'CN=golden', notBefore: new Date(0), notAfter: new Date(4e12), signingAlgorithm: algorithm, keys },
    webcrypto as Crypto,
  );
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const lines = pkcs8.match(/.{1,64}/g)!.join('\n');
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
  return { certificate: `${certificate.toString('pem')}\n`, privateKey };
}

describe('golden cases', () => {
  let pem: TestPem;
  beforeAll(async () => {
    pem = await selfSigned();
  });
  for (const file of readdirSync(FOLDER).sort()) {
    const path = join(FOLDER, file);
    const [upper, lower] = readFileSync(path, 'utf8').split(MARKER);
    const golden = parse(upper!) as GoldenCase;
    it(`${file.replace('.yaml', '')}: ${golden.shows}`, () => {
      const output = runGolden(golden, pem);
      if (process.env.GOLDEN === 'write') {
        writeFileSync(path, `${upper!.trimEnd()}\n\n${MARKER}${stringify(output, { lineWidth: 0 })}`);
      } else {
        expect(output).toEqual(parse(lower!) as GoldenOutput);
      }
    });
  }
});
