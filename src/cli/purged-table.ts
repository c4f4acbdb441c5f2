/** What workers forgot, for people (table) or for programs (json, yaml). */
import type { FleetPurged } from '../delivery/index.ts';
import type { PolicyPurged } from './cluster-purge.ts';
import type { PurgeOutput } from './option.ts';
import type { Paint } from './style.ts';
import { formatTable } from './table.ts';

interface PurgedView {
  output: PurgeOutput;
  dryRun: boolean;
  paint: Paint;
}

export async function printPurged(purged: FleetPurged, { output, dryRun, paint }: PurgedView): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify({ dryRun, ...purged }, undefined, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify({ dryRun, ...purged });
    }
    case 'table': {
      const rows = [
        ...purged.proxies.map(({ name, urls, bytes, disk }) => [
          name,
          String(urls),
          String(bytes),
          ...(disk === undefined ? [] : [String(disk.files), String(disk.bytes)]),
        ]),
        ...purged.unanswered.map((name) => [{ text: name, tone: 'error' as const }, '', 'did not answer: ask again']),
      ];
      const onDisk = purged.proxies.some(({ disk }) => disk !== undefined);
      const head = [
        'WORKER',
        dryRun ? 'URLS TO FORGET' : 'URLS FORGOTTEN',
        'BYTES',
        ...(onDisk ? ['FILES', 'BYTES'] : []),
      ];
      return formatTable({ head, rows }, paint);
    }
  }
}

/** What became of it in a cluster. */
export async function printPolicies(policies: PolicyPurged[], { output, dryRun, paint }: PurgedView): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify({ dryRun, policies }, undefined, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify({ dryRun, policies });
    }
    case 'table': {
      if (policies.length === 0)
        return 'no ResponsePolicy of these namespaces keeps answers: nothing is to be forgotten\n';
      const rows = policies.flatMap(({ policy, state, gateways, message = '' }) => {
        const isWrong = state === 'refused' || state === 'waiting';
        const shown = isWrong ? { text: state, tone: 'error' as const } : state;
        if (gateways.length === 0) return [[policy, '', shown, state === 'waiting' ? 'no Gateway serves it' : message]];
        return gateways.map((one) => [policy, one.gateway, shown, one.done && !isWrong ? '' : one.message]);
      });
      return formatTable({ head: ['POLICY', 'GATEWAY', 'STATE', 'MESSAGE'], rows }, paint);
    }
  }
}
