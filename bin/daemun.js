#!/usr/bin/env node
// Old syntax on purpose: an old Node must get as far as saying that it is too old.
import fs from 'node:fs';

var needed = 24;
var built = new URL('../dist/cli/main.js', import.meta.url);
var source = new URL('../src/cli/main.ts', import.meta.url);

/** Milliseconds since 1970 at which something in the folder changed last. */
function lastChange(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).reduce((latest, entry) => {
    var path = new URL(entry.isDirectory() ? `${entry.name}/` : entry.name, folder);
    return Math.max(latest, entry.isDirectory() ? lastChange(path) : fs.statSync(path).mtimeMs);
  }, fs.statSync(folder).mtimeMs);
}

/** What was built is used until a source is newer; only a checkout has sources. */
function entry() {
  if (!fs.existsSync(source)) return built;
  if (!fs.existsSync(built)) return source;
  return fs.statSync(built).mtimeMs > lastChange(new URL('../src/', import.meta.url)) ? built : source;
}

function start() {
  // Node would open a debugger, to everybody on this machine.
  process.on('SIGUSR1', () => {});
  // A reload that is asked for before a run is loaded is none: everything is still to be read.
  if (process.argv[2] === 'run') process.on('SIGHUP', () => {});
  // The first process of a container is not ended by a signal that it has no handler for: what comes before a run has
  // begun is kept for it.
  if (/^(run|proxy|controller|dataplane)$/.test(process.argv[2])) {
    process.on('SIGTERM', (signal) => {
      globalThis[Symbol.for('daemun.signal')] = signal;
    });
  }
  import(entry().href)
    .then((cli) => cli.main(process.argv))
    .catch((error) => {
      console.error(error);
      process.exitCode = 70;
    });
}

if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(`daemun needs Node.js ${needed} or newer, and this is ${process.version} (${process.execPath}).`);
  console.error('Get one from https://nodejs.org/en/download, or with a version manager:');
  console.error(`  nvm install ${needed}    fnm install ${needed}    volta install node@${needed}`);
  process.exitCode = 2;
} else {
  start();
}
