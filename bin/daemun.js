#!/usr/bin/env node
// Old syntax on purpose: an old Node must get as far as saying that it is too old.
import fs from 'node:fs';

var needed = 24;

function start() {
  var built = new URL('../dist/cli/main.js', import.meta.url);
  var entry = fs.existsSync(built) ? built : new URL('../src/cli/main.ts', import.meta.url);
  import(entry.href)
    .then((cli) => cli.main(process.argv))
    .catch((error) => {
      console.error(error);
      process.exitCode = 70;
    });
}

if (Number(process.versions.node.split('.')[0]) < needed) {
  console.error(`daemun needs Node.js ${needed} or newer, and this is ${process.version} (${process.execPath}).`);
  process.exitCode = 2;
} else {
  start();
}
