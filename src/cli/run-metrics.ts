/** What is told of a run as a whole, once, by its control. */
import { X509Certificate } from 'node:crypto';
import type { Certificate, Snapshot } from '../config/index.ts';
import type { MetricsSnapshot } from '../observe/index.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { packageVersion } from './version.ts';

export class RunMetrics {
  readonly #own = new ProcessMetrics();
  /** Reading a certificate takes a while, and a scrape comes every few seconds. */
  readonly #expiries = new WeakMap<Certificate, number>();

  families(snapshot: Snapshot): MetricsSnapshot {
    const started = Math.floor(Date.now() / 1000 - process.uptime());
    return [
      ...this.#own.families(),
      {
        name: 'process_start_time_seconds',
        help: 'When the run started',
        type: 'gauge',
        series: [{ labels: {}, value: started }],
      },
      {
        name: 'daemun_build_info',
        help: 'Always 1; what runs is in the labels',
        type: 'gauge',
        series: [{ labels: { version: packageVersion(), node: process.versions.node }, value: 1 }],
      },
      {
        name: 'daemun_certificate_expiry_timestamp_seconds',
        help: 'When the certificate of a Secret that is served expires',
        type: 'gauge',
        series: Array.from(snapshot.of('Certificate').values(), (certificate) => ({
          labels: { certificate: certificate.key },
          value: this.#expiryOf(certificate),
        })),
      },
    ];
  }

  #expiryOf(certificate: Certificate): number {
    let expiry = this.#expiries.get(certificate);
    if (expiry === undefined) {
      expiry = Math.floor(new X509Certificate(certificate.certificate).validToDate.getTime() / 1000);
      this.#expiries.set(certificate, expiry);
    }
    return expiry;
  }
}
