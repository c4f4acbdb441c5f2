import { listeners } from './listener.ts';
import { parentGatewayReference } from './reference.ts';
import { object, required } from './schema.ts';

export const listenerSetSpec = object({
  parentRef: required(parentGatewayReference),
  listeners: required(listeners),
});
