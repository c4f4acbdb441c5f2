export { ACCESS_FORMATS, type AccessEntry, type AccessFormat, checkTemplate } from './access.ts';
export { AccessLog } from './access-log.ts';
export { DaemunError, type ErrorCode } from './error.ts';
export { EXPOSITION_TYPE, exposition, mergeMetrics } from './exposition.ts';
export { Grace, ROW_GRACE } from './grace.ts';
export { createLog, LOG_FORMATS, LOG_LEVELS, type Log, type LogFormat, type LogLevel } from './log.ts';
export {
  Counter,
  type FamilySnapshot,
  Gauge,
  type Labels,
  Metrics,
  type MetricsSnapshot,
  type SeriesSnapshot,
} from './metrics.ts';
