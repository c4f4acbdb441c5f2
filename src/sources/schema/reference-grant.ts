import { group, kindName, namespaceName, objectName } from './format.ts';
import { list, object, optional, required } from './schema.ts';

export const referenceGrantSpec = object({
  from: required(
    list(object({ group: required(group), kind: required(kindName), namespace: required(namespaceName) }), {
      min: 1,
      max: 16,
    }),
  ),
  to: required(
    list(object({ group: required(group), kind: required(kindName), name: optional(objectName) }), { min: 1, max: 16 }),
  ),
});
