import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { demoCertificate } from './demo-certificate.ts';

test("a demo's certificate is signed by itself, fits its key, and is good for its names and a week", async () => {
  // A hundred: the shortest form of numbers and lengths depends on chance.
  for (let round = 0; round < 100; round++) {
    const names = ['*.example.com', ...Array.from({ length: round % 20 }, (_, i) => `host-${i}.example.org`)];
    const { certificate, privateKey } = await demoCertificate(names);
    const read = new X509Certificate(certificate);
    expect(read.verify(read.publicKey)).toBe(true);
    expect(read.checkPrivateKey(createPrivateKey(privateKey))).toBe(true);
    expect(read.checkIssued(read)).toBe(true);
    expect(read.ca).toBe(true);
    expect([read.subject, read.issuer]).toEqual(['CN=*.example.com', 'CN=*.example.com']);
    expect(read.subjectAltName).toBe(names.map((name) => `DNS:${name}`).join(', '));
    expect(read.checkHost('shop.example.com')).toBe('*.example.com');
    const days = (read.validToDate.getTime() - Date.now()) / (24 * 60 * 60 * 1000);
    expect(days).toBeGreaterThan(6.9);
    expect(read.validFromDate.getTime()).toBeLessThan(Date.now());
  }
});
