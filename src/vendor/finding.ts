/** What becomes of one field of another gateway's object. */
export interface Finding {
  /** Where it stands, such as `config.minute`. */
  field: string;
  /** Differs: served, and not quite so. Lost: nothing here is like it. Unknown: no field that is known. Wrong: no value for it. */
  fate: 'Same' | 'Differs' | 'Lost' | 'Unknown' | 'Wrong';
  /** Our field, where there is one. */
  ours?: string;
  /** What differs, or why there is nothing. */
  why?: string;
}

/** It is not served as it was meant. */
export function isLost({ fate }: Finding): boolean {
  return fate === 'Lost' || fate === 'Unknown' || fate === 'Wrong';
}

export function findingText({ field, ours, why, fate }: Finding): string {
  const where = fate === 'Unknown' ? `${field} is no field that is known` : `${field}: ${why ?? 'has nothing like it'}`;
  return ours === undefined || isLost({ field, fate }) ? where : `${where} (${ours})`;
}
