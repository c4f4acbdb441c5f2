import { controllerName, group, kindName, namespaceName, objectName } from './format.ts';
import { object, optional, required, text } from './schema.ts';

/** The API server also refuses a change of controllerName; a file is read as if the object were made anew. */
export const gatewayClassSpec = object({
  controllerName: required(controllerName),
  parametersRef: optional(
    object({
      group: required(group),
      kind: required(kindName),
      name: required(objectName),
      namespace: optional(namespaceName),
    }),
  ),
  description: optional(text({ max: 64 })),
});
