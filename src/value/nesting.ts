/**
 * Levels of objects and lists within one another. An API server takes ten thousand of them where a schema lets others define
 * what stands there; whoever goes through such a value by calling itself ends there, and with it a whole process. A pod has
 * about fifteen.
 */
export const MAX_NESTING: number = 100;

export function isNestedTooDeep(value: unknown): boolean {
  let level = inside([value]);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= MAX_NESTING) return true;
    level = inside(level.flatMap((one) => Object.values(one)));
  }
  return false;
}

function inside(values: readonly unknown[]): object[] {
  return values.filter((one) => typeof one === 'object' && one !== null);
}
