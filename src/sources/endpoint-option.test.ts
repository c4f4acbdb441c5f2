import { expect, test } from 'vitest';
import type { Service } from '../api/index.ts';
import { endpointSlices, parseEndpointOption } from './index.ts';

test.each([
  ['shop/web:80=127.0.0.1:3000', 80, [{ host: '127.0.0.1', port: 3000 }]],
  ['shop/web:http=localhost:3000', 'http', [{ host: '127.0.0.1', port: 3000 }]],
  [
    'shop/web:80=[::1]:3000,10.0.0.1:3001',
    80,
    [
      { host: '::1', port: 3000 },
      { host: '10.0.0.1', port: 3001 },
    ],
  ],
  ['shop/web:80=api.example.com:443', 80, [{ host: 'api.example.com', port: 443 }]],
])('reads %s', (text, port, targets) => {
  expect(parseEndpointOption(text)).toEqual({ text, namespace: 'shop', service: 'web', port, targets });
});

test.each([
  ['web:80=127.0.0.1:3000', 'does not have the form'],
  ['shop/web=127.0.0.1:3000', 'does not have the form'],
  ['shop/web:80=', 'does not have the form'],
  ['Shop/web:80=127.0.0.1:3000', 'does not have the form'],
  ['shop/web:0=127.0.0.1:3000', 'port 0 is not'],
  ['shop/web:80=127.0.0.1', '"127.0.0.1" is not host:port'],
  ['shop/web:80=127.0.0.1:3000,', '"" is not host:port'],
  ['shop/web:80=::1:3000', '"::1:3000" is not host:port'],
  ['shop/web:80=[fe80::1%eth0]:3000', 'neither an IP address nor a DNS name'],
  ['shop/web:80=[10.0.0.1]:3000', 'neither an IP address nor a DNS name'],
  ['shop/web:80=1.2.3:3000', 'neither an IP address nor a DNS name'],
  ['shop/web:80=a_b:3000', 'neither an IP address nor a DNS name'],
  ['shop/web:80=127.0.0.1:70000', 'port of "127.0.0.1:70000" is not'],
])('refuses %s, quoting it', (text, why) => {
  expect(() => parseEndpointOption(text)).toThrow(why);
  expect(() => parseEndpointOption(text)).toThrow(`--endpoint ${text}: `);
});

test('makes one slice for each form of address and port, with the name that the Service gives the port', () => {
  const service = { spec: { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] } } as unknown as Service;
  const option = parseEndpointOption('shop/web:53=10.0.0.1:5300,10.0.0.2:5300,10.0.0.3:5301,[::1]:5300');
  const slices = endpointSlices(option, service);
  expect(
    slices.map((slice) => [slice.metadata.name, slice.addressType, slice.endpoints?.map((e) => e.addresses[0])]),
  ).toEqual([
    ['web-53-ipv4-5300', 'IPv4', ['10.0.0.1', '10.0.0.2']],
    ['web-53-ipv4-5301', 'IPv4', ['10.0.0.3']],
    ['web-53-ipv6-5300', 'IPv6', ['::1']],
  ]);
  expect(slices[0]).toMatchObject({
    metadata: { namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    ports: [{ name: 'dns', port: 5300, protocol: 'UDP' }],
  });
});

test('a number that the Service has for TCP and for UDP is both', () => {
  const ports = [
    { name: 'dns-tcp', port: 53 },
    { name: 'dns', port: 53, protocol: 'UDP' },
    { name: 'metrics', port: 9153 },
  ];
  const service = { spec: { ports } } as unknown as Service;
  expect(endpointSlices(parseEndpointOption('shop/dns:53=10.0.0.1:5300'), service)[0]!.ports).toEqual([
    { name: 'dns-tcp', port: 5300, protocol: 'TCP' },
    { name: 'dns', port: 5300, protocol: 'UDP' },
  ]);
});
