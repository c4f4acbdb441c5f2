/** Guides whose commands run in a cluster (`npm run test:cluster`); test/guides/ runs those of all others. */
export const CLUSTER_GUIDES = [
  'kubernetes',
  'no-load-balancer',
  'helm-environments',
  'cert-manager',
  'multi-tenant',
  'unmanaged',
];
