import { Command } from 'commander';
import { expect, test } from 'vitest';
import { MAX_FIELDS } from '../proxy/ground/head.ts';
import { DEFAULT_LIMITS } from '../proxy/http/index.ts';
import { limitOptions, limitsOf } from './limit-option.ts';
import { duration } from './option.ts';

function read(...args: string[]) {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const option of limitOptions()) command.addOption(option);
  return limitsOf(command.parse(args, { from: 'user' }).opts());
}

test('limits that are not given are left to the data plane', () => {
  expect(read()).toEqual({});
});

test('durations are read as the Gateway API writes them, and bytes as a number', () => {
  const flags = [
    '--max-body-bytes',
    '1024',
    '--max-header-lines',
    '200',
    '--max-connections',
    '1000',
    '--max-listener-connections',
    '0',
    '--max-backend-connections',
    '64',
    '--max-pending-requests',
    '0',
    '--head-timeout',
    '2s',
    '--keep-alive-timeout',
    '1m',
    '--stream-idle-timeout',
    '1h',
  ];
  expect(read(...flags)).toEqual({
    maxBodyBytes: 1024,
    maxHeaderLines: 200,
    maxConnections: 1000,
    maxListenerConnections: 0,
    maxBackendConnections: 64,
    maxPendingRequests: 0,
    headTimeout: 2000,
    keepAliveTimeout: 60_000,
    streamIdleTimeout: 3_600_000,
  });
});

test.each([
  ['--max-body-bytes', '10Mi'],
  ['--max-body-bytes', '-1'],
  ['--max-header-lines', '0'],
  ['--max-header-lines', '1025'],
  ['--max-connections', '1k'],
  ['--max-listener-connections', '-1'],
  ['--max-backend-connections', '0'],
  ['--max-pending-requests', 'many'],
  ['--head-timeout', '0s'],
  ['--keep-alive-timeout', '75'],
])('%s %s is refused', (flag, value) => {
  expect(() => read(`${flag}=${value}`)).toThrow();
});

test('no more header lines can be allowed than there is room for', () => {
  expect(read(`--max-header-lines=${MAX_FIELDS}`)).toEqual({ maxHeaderLines: MAX_FIELDS });
});

test('the defaults in --help are those of the data plane', () => {
  const limits: Readonly<Record<string, number>> = { ...DEFAULT_LIMITS };
  for (const option of limitOptions()) {
    const [, text = ''] = /\(default: (\w+)\)/.exec(option.description) ?? [];
    const value = option.attributeName().startsWith('max') ? Number(text) : duration(text);
    expect([option.attributeName(), value]).toEqual([option.attributeName(), limits[option.attributeName()]]);
  }
});
