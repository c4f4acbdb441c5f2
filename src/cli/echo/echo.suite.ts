/** What every echo does, whatever its protocol. */
import { afterEach, expect, test } from 'vitest';
import type { Backend } from '../../config/index.ts';
import { Echoes } from './index.ts';

export interface EchoCase {
  protocol: Backend['protocol'];
  /** Sends `payload` and gives back what the echo says was sent. Fails where nobody listens. */
  roundTrip(port: number, payload: string): Promise<string>;
}

export function backend(protocol: Backend['protocol'], key = 'shop/cart:80'): Backend {
  return { kind: 'Backend', key, service: { namespace: 'shop', name: 'cart', port: 80 }, protocol };
}

export function echoSuite({ protocol, roundTrip }: EchoCase): void {
  const echoes = new Echoes();
  afterEach(() => echoes.close());

  test(`${protocol}: what is sent comes back`, async () => {
    const port = await echoes.port(backend(protocol));
    expect(await roundTrip(port, 'hello, 대문')).toBe('hello, 대문');
    expect(await roundTrip(port, 'again')).toBe('again');
  });

  test(`${protocol}: a Backend keeps its echo, another one has its own`, async () => {
    const port = await echoes.port(backend(protocol));
    expect(await echoes.port(backend(protocol))).toBe(port);
    expect(await echoes.port(backend(protocol, 'shop/other:80'))).not.toBe(port);
    expect(echoes.keys()).toEqual(['shop/cart:80', 'shop/other:80']);
  });

  test(`${protocol}: it answers until its retirement is over, and can come back`, async () => {
    const port = await echoes.port(backend(protocol));
    await roundTrip(port, 'before');
    echoes.retire('shop/cart:80');
    await roundTrip(port, 'after');
    await echoes.close();
    await expect(roundTrip(port, 'late')).rejects.toThrow();
    expect(await roundTrip(await echoes.port(backend(protocol)), 'anew')).toBe('anew');
  });
}
