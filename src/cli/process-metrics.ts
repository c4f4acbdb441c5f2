/** What a process of a run takes: the names that Prometheus' own libraries use, summed over control and workers. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FamilySnapshot, MetricsSnapshot } from '../observe/index.ts';

/** Milliseconds between two looks at how late the event loop is. */
const DELAY_INTERVAL = 20;

const NANOSECONDS = 1e9;

export class ProcessMetrics {
  readonly #delay: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({ resolution: DELAY_INTERVAL });

  constructor() {
    this.#delay.enable();
  }

  /** Of this process. The delay is that since it was asked last. */
  families(): MetricsSnapshot {
    const { user, system } = process.cpuUsage();
    // The histogram holds the whole interval, of which only what is above it is delay.
    const late = (nanoseconds: number): number => Math.max(0, nanoseconds / NANOSECONDS - DELAY_INTERVAL / 1000);
    const delays = { p99: late(this.#delay.percentile(99)), max: late(this.#delay.max) };
    this.#delay.reset();
    return [
      counter('process_cpu_seconds_total', 'Processor time of all processes of the run', (user + system) / 1e6),
      ...memory(),
      ...openFiles(),
      ...processorWait(),
      worst('daemun_event_loop_delay_p99_seconds', '99 of 100 times a process was no later than this', delays.p99),
      worst('daemun_event_loop_delay_max_seconds', 'How late the latest process was since the last scrape', delays.max),
    ];
  }
}

/** Where the system tells: it is read from a file, for which no descriptor may be left. */
function memory(): MetricsSnapshot {
  try {
    const { rss, heapUsed } = process.memoryUsage();
    return [
      gauge('process_resident_memory_bytes', 'Memory of all processes of the run that is in RAM', rss),
      gauge('daemun_heap_used_bytes', 'JavaScript heap in use, of all processes of the run', heapUsed),
    ];
  } catch {
    return [];
  }
}

/** Where the system tells. The limit is that of the process with the highest. */
function openFiles(): MetricsSnapshot {
  try {
    const open = readdirSync('/proc/self/fd').length;
    const [, limit = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return [
      gauge('process_open_fds', 'Open file descriptors of all processes of the run', open),
      worst('process_max_fds', 'File descriptors that one process may open', Number(limit)),
    ];
  } catch {
    return [];
  }
}

/** Where the system tells: what is late without having worked. Of the thread that does the work of a process. */
function processorWait(): MetricsSnapshot {
  try {
    const [, waited = ''] = readFileSync('/proc/self/schedstat', 'utf8').split(' ');
    const help = 'Time in which a process was ready and no processor was given to it';
    return [counter('daemun_processor_wait_seconds_total', help, Number(waited) / NANOSECONDS)];
  } catch {
    return [];
  }
}

function counter(name: string, help: string, value: number): FamilySnapshot {
  return { name, help, type: 'counter', series: [{ labels: {}, value }] };
}

function gauge(name: string, help: string, value: number): FamilySnapshot {
  return { name, help, type: 'gauge', series: [{ labels: {}, value }] };
}

function worst(name: string, help: string, value: number): FamilySnapshot {
  return { ...gauge(name, help, value), merge: 'largest' };
}
