/**
 * `npm run build`: the command and the worker's entry, with what they share, as plain ES modules in dist/.
 * docs/decisions/bundled-dist.md says why.
 */
import { build } from 'rolldown';
import { asciiText } from './packaging/ascii-text.ts';

await build({
  input: {
    'cli/main': 'src/cli/main.ts',
    'cli/worker': 'src/cli/worker.ts',
    'cli/password-thread': 'src/cli/password-thread.ts',
  },
  platform: 'node',
  // What is in dependencies is installed beside the package.
  external: /^[^./]/,
  output: {
    dir: 'dist',
    format: 'esm',
    cleanDir: true,
    comments: false,
    plugins: [asciiText],
    // Beside the code for who debugs a checkout; the package leaves them out, and the code does not point at them.
    sourcemap: 'hidden',
    // src/cli/package-place.ts counts on this depth.
    chunkFileNames: 'cli/[name]-[hash].js',
    codeSplitting: {
      groups: [
        // `daemun check` needs the contract and not the data plane.
        { name: 'contract', test: /\/src\/(config|observe)\//, priority: 2 },
        { name: 'proxy', test: /\/src\/proxy\//, priority: 1 },
        // What control has in common with the data plane, which it must not load for that.
        { name: 'cel', test: /\/src\/value\/cel/, priority: 4 },
        { name: 'value', test: /\/src\/value\//, priority: 3 },
      ],
    },
  },
});
