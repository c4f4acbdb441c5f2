/** Pods of one kind. */
export interface PodGroup {
  namespace: string;
  selector: string;
  /** Where their metrics are. */
  adminPort: number;
}
