/** Metrics of several processes as one, and their text form for Prometheus (format 0.0.4). */
import assert from 'node:assert';
import type { FamilySnapshot, Labels, MetricsSnapshot, SeriesSnapshot } from './metrics.ts';

export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Adds up series with the same name and labels, or takes the largest, as the family says. */
export function mergeMetrics(snapshots: Iterable<MetricsSnapshot>): MetricsSnapshot {
  const merged = new Map<string, Merged>();
  for (const snapshot of snapshots) {
    for (const family of snapshot) {
      let entry = merged.get(family.name);
      if (!entry) merged.set(family.name, (entry = { family, series: new Map() }));
      assert.deepEqual(
        { type: family.type, bounds: family.bounds },
        { type: entry.family.type, bounds: entry.family.bounds },
        `metric ${family.name} has two shapes`,
      );
      for (const series of family.series) merge(entry, series);
    }
  }
  return [...merged.values()].map(({ family, series }) => ({ ...family, series: [...series.values()] }));
}

interface Merged {
  family: FamilySnapshot;
  series: Map<string, SeriesSnapshot>;
}

function merge({ family, series: into }: Merged, series: SeriesSnapshot): void {
  const key = labelText(series.labels);
  const known = into.get(key);
  if (!known) {
    into.set(key, { ...series, ...(series.counts ? { counts: [...series.counts] } : {}) });
    return;
  }
  const { value = 0 } = series;
  if (family.merge === 'largest') known.value = Math.max(known.value ?? value, value);
  else if (series.value !== undefined) known.value = (known.value ?? 0) + value;
  if (series.sum !== undefined) known.sum = (known.sum ?? 0) + series.sum;
  const { counts } = known;
  if (counts) for (const [i, n] of (series.counts ?? []).entries()) counts[i]! += n;
}

/** Families in order of name; series in order of arrival. */
export function exposition(snapshot: MetricsSnapshot): string {
  let out = '';
  for (const family of [...snapshot].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    out += `# HELP ${family.name} ${family.help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n`;
    out += `# TYPE ${family.name} ${family.type}\n`;
    for (const series of family.series) out += family.bounds ? histogram(family, series) : sample(family.name, series);
  }
  return out;
}

function sample(name: string, { labels, value }: SeriesSnapshot): string {
  return `${name}${braces(labelText(labels))} ${number(value ?? 0)}\n`;
}

// Buckets are cumulative in the text, and the last one (+Inf) equals the count.
function histogram({ name, bounds }: FamilySnapshot, { labels, counts, sum }: SeriesSnapshot): string {
  assert(bounds && counts?.length === bounds.length + 1, `histogram ${name} has one bucket more than bounds`);
  const own = labelText(labels);
  const prefix = own === '' ? '' : `${own},`;
  let out = '';
  let total = 0;
  for (const [i, n] of counts.entries()) {
    total += n;
    out += `${name}_bucket{${prefix}le="${number(bounds[i] ?? Number.POSITIVE_INFINITY)}"} ${number(total)}\n`;
  }
  return `${out}${name}_sum${braces(own)} ${number(sum ?? 0)}\n${name}_count${braces(own)} ${number(total)}\n`;
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function labelText(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escaped(labels[name]!)}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}
