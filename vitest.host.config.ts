import { defineConfig } from 'vitest/config';

/** `npm run test:host`: containers and services as people install them; as root, with podman and debootstrap. */
export default defineConfig({
  test: {
    include: ['test/host/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    // They take the ports 80 and 443 of this machine.
    fileParallelism: false,
    reporters: ['default'],
  },
});
