/** The program of a worker process: one proxy, told what to serve by its parent. */
import { takeSeat } from '../delivery/index.ts';
import { type ProxySetup, proxyOf } from './proxy-setup.ts';

// The parent is of this package and of the same version: what it sends as a setup is one.
takeSeat((setup) => proxyOf(setup as ProxySetup));
