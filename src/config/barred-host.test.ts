import { describe, expect, test } from 'vitest';
import { barredHost } from './barred-host.ts';

describe('an address', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '169.254.169.254',
    '169.254.1.1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00:ec2::254',
    'fd20:ce::254',
    '168.63.129.16',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '::ffff:0.0.0.0',
    '::ffff:0:169.254.169.254',
    '::169.254.169.254',
    '64:ff9b:1::a9fe:a9fe',
    '64:ff9b:1:a9fe:a9:fe00::',
    'fd00:ec2::23',
    'fd00:c1::a9fe:a9fe',
    'fd00:42::42',
    'fd00:a9fe:a9fe::1',
  ])('%s is nobody’s backend', (address) => {
    expect(barredHost(address, 'allowed')).toBeDefined();
  });

  test.each([
    '127.0.0.1',
    '127.8.9.10',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '::127.0.0.1',
    '::ffff:0:7f00:1',
    '64:ff9b:1::7f00:1',
    '64:ff9b:1:7f00:0:100::',
  ])('%s is one only where this machine may be', (address) => {
    expect(barredHost(address, 'allowed')).toBeUndefined();
    expect(barredHost(address, 'refused')).toBe('is of this machine');
  });

  test.each([
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '240.0.0.1',
    '8.8.8.8',
    'fd00::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    '64:ff9b:1::10.0.0.1',
    '64:ff9b:1:a00:0:100::',
    '::2',
  ])('%s is fine', (address) => {
    expect(barredHost(address, 'refused')).toBeUndefined();
  });
});

describe('a name', () => {
  test.each([
    'localhost',
    'LocalHost.',
    'a.localhost',
    'localhost.localdomain',
    'ip6-loopback',
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '0',
    '169.254.169.254',
    '2852039166',
  ])('%s is not looked up', (name) => {
    expect(barredHost(name, 'refused')).toBeDefined();
  });

  test.each(['example.com', 'localhost.example.com', 'mylocalhost', 'a.b', '10.0.0.1', 'host-127.0.0.1.nip.io'])(
    '%s is',
    (name) => {
      expect(barredHost(name, 'refused')).toBeUndefined();
    },
  );
});
