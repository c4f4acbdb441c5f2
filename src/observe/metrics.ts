/**
 * Metrics as cells: whoever counts holds the cell and adds to it, with no look-up by label on the hot path.
 * Snapshots are plain data, so that workers' can be merged and rendered in one place.
 */
export type Labels = Readonly<Record<string, string>>;

export class Counter {
  value = 0;
}

/** Set, not summed, by its owner; merged by addition over workers. */
export class Gauge {
  value = 0;
}

export class Histogram {
  /** Upper bounds, ascending, in the metric's unit. */
  readonly bounds: ReadonlyArray<number>;
  /** Observations per bucket (not cumulative); the last one is above all bounds. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let i = 0;
    while (i < bounds.length && value > bounds[i]!) i++;
    this.counts[i]!++;
    this.sum += value;
  }
}

export interface SeriesSnapshot {
  labels: Labels;
  /** Counters and gauges. */
  value?: number;
  /** Histograms. */
  counts?: number[];
  sum?: number;
}

export interface FamilySnapshot {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  bounds?: number[];
  /** How the same series of several workers become one; absent: by addition. */
  merge?: 'largest';
  series: SeriesSnapshot[];
}

export type MetricsSnapshot = FamilySnapshot[];

interface Family {
  help: string;
  type: FamilySnapshot['type'];
  bounds?: ReadonlyArray<number>;
  merge?: FamilySnapshot['merge'];
  cells: Map<string, { labels: Labels; cell: Counter | Gauge | Histogram }>;
}

export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #collectors: Array<() => MetricsSnapshot> = [];

  /** The cell for these labels, made on first use. The same name must come with the same type. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#cell(name, { help, type: 'counter' }, labels, () => new Counter()) as Counter;
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.#cell(name, { help, type: 'gauge' }, labels, () => new Gauge()) as Gauge;
  }

  /** A gauge of what all workers should agree on, such as a version: merged by taking the largest. */
  largest(name: string, help: string, labels: Labels = {}): Gauge {
    const shape = { help, type: 'gauge' as const, merge: 'largest' as const };
    return this.#cell(name, shape, labels, () => new Gauge()) as Gauge;
  }

  histogram(name: string, help: string, shape: { labels?: Labels; bounds: ReadonlyArray<number> }): Histogram {
    const family = { help, type: 'histogram' as const, bounds: shape.bounds };
    return this.#cell(name, family, shape.labels ?? {}, () => new Histogram(shape.bounds)) as Histogram;
  }

  /** Drops the cells that `stale` says are of objects that are gone. */
  forget(stale: (name: string, labels: Labels) => boolean): void {
    for (const [name, family] of this.#families) {
      for (const [key, { labels }] of family.cells) if (stale(name, labels)) family.cells.delete(key);
    }
  }

  /** Families that their owner counts in a form of its own, asked for at each snapshot. */
  collect(families: () => MetricsSnapshot): void {
    this.#collectors.push(families);
  }

  snapshot(): MetricsSnapshot {
    const own = [...this.#families].map(
      ([name, family]): FamilySnapshot => ({
        name,
        help: family.help,
        type: family.type,
        ...(family.bounds ? { bounds: [...family.bounds] } : {}),
        ...(family.merge ? { merge: family.merge } : {}),
        series: [...family.cells.values()].map(({ labels, cell }) =>
          cell instanceof Histogram
            ? { labels, counts: [...cell.counts], sum: cell.sum }
            : { labels, value: cell.value },
        ),
      }),
    );
    return [...own, ...this.#collectors.flatMap((families) => families())];
  }

  #cell(name: string, shape: Omit<Family, 'cells'>, labels: Labels, make: () => Counter | Gauge | Histogram): unknown {
    let family = this.#families.get(name);
    if (!family) this.#families.set(name, (family = { ...shape, cells: new Map() }));
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    let entry = family.cells.get(key);
    if (!entry) family.cells.set(key, (entry = { labels, cell: make() }));
    return entry.cell;
  }
}
