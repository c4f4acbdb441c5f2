/** What control says of the manifests: statuses as a cluster would show them, and diagnostics. */
import type { ObjectMeta } from '../api/index.ts';

export interface StatusItem {
  apiVersion: string;
  kind: string;
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'generation'>;
  status: object;
}

export interface ReportedDiagnostic {
  severity: 'error' | 'warning' | 'info';
  /** '' and 0 where the place is not known. */
  file: string;
  line: number;
  /** `Kind/namespace/name`, or ''. */
  object: string;
  field: string;
  message: string;
}

export interface Report {
  items: StatusItem[];
  diagnostics: ReportedDiagnostic[];
}
