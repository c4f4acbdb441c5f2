import { resolve } from 'node:path';
import { caddy } from './caddy.ts';
import { daemun } from './daemun.ts';
import { envoy } from './envoy.ts';
import { haproxy } from './haproxy.ts';
import { nginx } from './nginx.ts';
import type { Peer } from './peer.ts';

export type { Found, Peer, Place, Setup } from './peer.ts';
export { daemun };

/** Every proxy the bench knows, in the order of its tables. */
export const peers: readonly Peer[] = [
  daemun('daemun', resolve(import.meta.dirname, '../..')),
  nginx,
  haproxy,
  envoy,
  caddy,
];
