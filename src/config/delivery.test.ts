import { describe, expect, it } from 'vitest';
import type { Backend } from './backend.ts';
import { DeliveryLog } from './delivery.ts';
import type { Ack } from './object.ts';

const backend = (name: string, protocol: Backend['protocol'] = 'http'): Backend => ({
  kind: 'Backend',
  key: `default/${name}:80`,
  service: { namespace: 'default', name, port: 80 },
  protocol,
});
const key = (name: string): string => `>Backend/default/${name}:80`;
const ack = (proxy: string, version: number, rejected: Ack['rejected'] = []): Ack => ({
  proxy,
  version,
  rejected,
  listeners: [],
});
const refusal = (name: string): Ack['rejected'][number] => ({
  kind: 'Backend',
  key: `default/${name}:80`,
  code: 'DMN_CONFIG_INVALID',
  message: 'no',
});

describe('delivery', () => {
  it('is serving only when every data plane has tried its version', () => {
    const log = new DeliveryLog('', ['w0', 'w1']);
    const [begun] = log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    expect(begun).toEqual({ key: key('a'), value: { object: backend('a'), state: 'pending' } });
    expect(log.acknowledge(ack('w0', 1))).toEqual([]);
    expect(log.acknowledge(ack('w1', 1))).toEqual([
      { key: key('a'), value: { object: backend('a'), state: 'serving' } },
    ]);
    expect(log.acknowledge(ack('w1', 1))).toEqual([]);
  });

  it('is not served by nobody', () => {
    const log = new DeliveryLog('', []);
    log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    expect(log.acknowledge(ack('stranger', 1))).toEqual([]);
  });

  it('stays rejected through later answers, until a new form is sent', () => {
    const log = new DeliveryLog('', ['w0']);
    log.sent({ version: 1, upserts: [backend('a'), backend('b')], removals: [] });
    const settled = log.acknowledge(ack('w0', 1, [refusal('a')]));
    expect(settled.map(({ value }) => value?.state)).toEqual(['rejected', 'serving']);
    expect(settled[0]!.value).toMatchObject({ code: 'DMN_CONFIG_INVALID', message: 'w0: no' });
    log.sent({ version: 2, upserts: [backend('b', 'h2c')], removals: [] });
    expect(log.acknowledge(ack('w0', 2)).map((change) => change.key)).toEqual([key('b')]);
    log.sent({ version: 3, upserts: [backend('a', 'h2c')], removals: [] });
    expect(log.acknowledge(ack('w0', 3))).toMatchObject([{ key: key('a'), value: { state: 'serving' } }]);
  });

  it('is not judged by an answer to an older form', () => {
    const log = new DeliveryLog('', ['w0']);
    log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    log.sent({ version: 2, upserts: [backend('a', 'h2c')], removals: [] });
    expect(log.acknowledge(ack('w0', 1, [refusal('a')]))).toEqual([]);
    expect(log.acknowledge(ack('w0', 2))).toMatchObject([{ value: { object: { protocol: 'h2c' }, state: 'serving' } }]);
  });

  it('waits for a new data plane, and no longer for one that is gone', () => {
    const log = new DeliveryLog('default/gw', ['p0']);
    log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    log.acknowledge(ack('p0', 1));
    expect(log.expect(['p0', 'p1'])).toMatchObject([{ key: `default/gw${key('a')}`, value: { state: 'pending' } }]);
    expect(log.expect(['p0'])).toMatchObject([{ value: { state: 'serving' } }]);
  });

  it('stays as it is where a data plane comes with an answer, and is rejected where that says so', () => {
    const log = new DeliveryLog('default/gw', ['p0']);
    log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    log.acknowledge(ack('p0', 1));
    expect(log.expect(['p0', 'p1'], ack('p1', 1))).toEqual([]);
    expect(log.expect(['p0', 'p1', 'p2'], ack('p2', 1, [refusal('a')]))).toMatchObject([
      { value: { state: 'rejected' } },
    ]);
  });

  it('ends with all that is withdrawn, whatever had come of it', () => {
    const log = new DeliveryLog('', ['w0']);
    log.sent({ version: 1, upserts: [backend('a'), backend('b')], removals: [] });
    log.acknowledge(ack('w0', 1, [refusal('a')]));
    expect(log.withdrawn()).toEqual([{ key: key('a') }, { key: key('b') }]);
    expect(log.withdrawn()).toEqual([]);
    expect(log.acknowledge(ack('w0', 2))).toEqual([]);
  });

  it('ends with its object', () => {
    const log = new DeliveryLog('', ['w0']);
    log.sent({ version: 1, upserts: [backend('a')], removals: [] });
    expect(log.sent({ version: 2, upserts: [], removals: [{ kind: 'Backend', key: 'default/a:80' }] })).toEqual([
      { key: key('a') },
    ]);
    expect(log.acknowledge(ack('w0', 2, [refusal('a')]))).toEqual([]);
  });
});
