/** Other gateways' objects as something of ours. Pure: what is not served is told by name, never dropped in silence. */
export { flow } from './flow.ts';
export * from './kong/index.ts';
export { type OwnKind, ownPolicy, targetOf } from './ours.ts';
