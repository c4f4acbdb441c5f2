/** The program of a worker process: one proxy, told what to serve by its parent. */
import { setFlagsFromString } from 'node:v8';
import { takeSeat } from '../delivery/index.ts';
import { ENGINE_FLAG } from './engine-flag.ts';
import { type ProxySetup, proxyOf } from './proxy-setup.ts';

// Before anything has run often enough to be compiled.
setFlagsFromString(ENGINE_FLAG);
// The parent is of this package and of the same version: what it sends as a setup is one.
takeSeat((setup) => proxyOf(setup as ProxySetup));
