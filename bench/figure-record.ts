import type { Machine } from './machine.ts';
import type { ProfileLine } from './profile.ts';
import type { CaseReport } from './report.ts';

export interface Record_ {
  /** YYYY-MM-DD. */
  date: string;
  command: string;
  machine: Machine;
  /** By peer; `not installed` for those left out. */
  versions: Record<string, string>;
  report: CaseReport;
  /** Of a CPU figure that missed its goal. */
  profile?: ProfileLine[];
}
