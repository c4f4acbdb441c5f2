import { defineConfig } from 'vitest/config';

/** `npm run test:cluster`: against the cluster of KUBECONFIG, where `npm run deploy:test` has installed Daemun. */
export default defineConfig({
  test: {
    include: ['test/cluster/*.test.ts'],
    // It changes the CRDs of the cluster for good: only for whoever says to which ones.
    exclude: process.env.NEXT_CRDS === undefined ? ['test/cluster/release-upgrade.test.ts'] : [],
    // A cluster on two processors takes its time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    // One after another: a test that measures what a change costs must not meet another one's changes.
    fileParallelism: false,
    reporters: ['default'],
  },
});
