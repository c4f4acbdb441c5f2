/** What this process holds for those who are slow, each kind of it within a limit, and what came of the limits. */
import type { MetricsSnapshot } from '../../observe/index.ts';
import { compressorUse } from '../filter/index.ts';
import { keptBodyBytes, waitingBodyBytes } from '../http/index.ts';

/** For a collector. */
export function heldMetrics(): MetricsSnapshot {
  const compressors = compressorUse();
  const held: [string, number][] = [
    ['compressors', compressors.bytes],
    ['kept_bodies', keptBodyBytes()],
    ['http2_bodies', waitingBodyBytes()],
  ];
  return [
    {
      name: 'daemun_held_bytes',
      help: 'Bytes held for slow clients and backends: compressors, bodies that are kept for who must see them or may be asked again, bodies of HTTP/2 that wait',
      type: 'gauge',
      series: held.map(([by, value]) => ({ labels: { by }, value })),
    },
    {
      name: 'daemun_uncompressed_total',
      help: 'Answers that went out as they are, since compressors held as much as they may',
      type: 'counter',
      series: [{ labels: {}, value: compressors.asTheyAre }],
    },
  ];
}
