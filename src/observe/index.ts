export { DaemunError, ERROR_CODES, type ErrorCode } from './error.ts';
export {
  Counter,
  type FamilySnapshot,
  Gauge,
  Histogram,
  type Labels,
  Metrics,
  type MetricsSnapshot,
  type SeriesSnapshot,
} from './metrics.ts';
