/** Selects by labels; both parts must hold, and an empty selector selects everything. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelRequirement[];
}

export interface LabelRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Not empty for In and NotIn, absent or empty otherwise. */
  values?: string[];
}
