/** Sources to config to data planes and back to statuses and health; it serves no traffic itself. */
export type { Overlay } from './config-pump.ts';
export { Control, type ControlEvents, type ControlOptions, type GraphView } from './control.ts';
export type { OpenFleet } from './feeding.ts';
export { openPipeline, type Pipeline, type PipelineOptions } from './pipeline.ts';
export type { Report, ReportedDiagnostic, StatusItem } from './report.ts';
export type { ResourceSource } from './resource-source.ts';
export type { StatusChange, StatusWriter } from './status-writer.ts';
export { strayParents } from './stray-parent.ts';
export { type StrayFault, StrayWatch } from './stray-watch.ts';
