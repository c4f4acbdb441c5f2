/** The driver of real sockets. */
import type { ConnectTarget, Driver, Link, Sink } from '../ground/driver.ts';
import { connectPlain } from './net-link.ts';
import { connectTls } from './tls-link.ts';

export class NetDriver implements Driver {
  connect(target: ConnectTarget, sink: Sink): Link {
    return target.tls === undefined ? connectPlain(target, sink) : connectTls(target, target.tls, sink);
  }
}
