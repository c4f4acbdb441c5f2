/** docs/reference/limits.md, from the constants in the code and the comments above them. */
import { isProduct, textOf, treeFiles } from '../tree.ts';

interface Limit {
  path: string;
  name: string;
  /** The source text of its value. */
  value: string;
  /** The comment above it. */
  says: string;
}

/** What makes a constant a limit, a timeout or a size. */
const LIMIT_NAME =
  /^(MAX|MOST|LEAST|SHORTEST|LONGEST|FIRST)_|_(TIMEOUT|LIMIT|BUDGET|WINDOW|TTL|SIZE|MS|EVICTION|BACKOFF|STREAMS|CAPACITY|INTERVAL|BUFFER|GRACE)$|^(BACKLOG|MARK|TIMEOUT|RETIREMENT|HOUSEKEEPING)$/;
/** Names that look like limits and are none: codes of the protocols, and places in tables. */
const NO_LIMIT =
  /^(SETTINGS_TIMEOUT|HEADER_TABLE_SIZE|INITIAL_WINDOW_SIZE|MAX_CONCURRENT_STREAMS|MAX_FRAME_SIZE_SETTING|MAX_HEADER_LIST_SIZE|LAST_STREAM|MAX_SHIFT|FIRST_STREAM|MAX_PORT|MAX_PORT_DIGITS|MIN_STATUS|FIRST_INDEX|FIRST_CAPACITY|DEFAULT_WINDOW|LEAST_FRAME_SIZE|MAX_HOSTNAME|MAX_LABEL|MAX_RECORD|MAX_DOTS|TIMESTAMP_STEP_MS|LINGER)$/;

const SECTIONS: ReadonlyArray<[heading: string, folders: readonly string[]]> = [
  ['HTTP, both versions', ['src/config/', 'src/proxy/ground/', 'src/proxy/http/']],
  ['HTTP/1.1', ['src/proxy/http/h1/']],
  ['HTTP/2', ['src/proxy/http/h2/']],
  ['Filters and policies', ['src/proxy/filter/', 'src/proxy/match/', 'src/proxy/rehearsal/']],
  ['Redis, and the disk for answers', ['src/proxy/redis/', 'src/proxy/disk/']],
  ['Backends', ['src/proxy/upstream/', 'src/proxy/state/', 'src/proxy/probe/', 'src/proxy/turns/', 'src/proxy/names/']],
  ['TCP, TLS passthrough and UDP', ['src/proxy/stream/']],
  ['Sockets, TLS and the data plane', ['src/proxy/listen/', 'src/proxy/server/', 'src/proxy/route/']],
  ['Regular expressions and CEL', ['src/value/']],
  ['Manifests', ['src/sources/', 'src/api/', 'src/graph/']],
  ['Statuses', ['src/translate/']],
  ['What is written to a cluster, and certificates', ['src/reconcile/', 'src/acme/', 'src/authority/']],
  ['Control and the delivery of the config', ['src/control/', 'src/delivery/']],
  ['The command, the admin API and the logs', ['src/cli/', 'src/admin/', 'src/observe/']],
];

export function limitsPage(): string {
  const limits = allLimits();
  const sections = SECTIONS.map(([heading, folders]) => {
    const rows = limits.filter(({ path }) => folders.includes(homeOf(path) ?? '')).map(row);
    return `## ${heading}\n\n| limit | value | meaning |\n|---|---|---|\n${rows.join('\n')}\n`;
  });
  return `# Limits

Every limit, timeout and buffer of Daemun with its value, as it stands in the code: \`npm run docs\` writes this page, and
a test keeps it true. What can be set stands in [flags](flags.md) and in the fields of routes (\`timeouts\`, \`retry\`); the rest is
fixed.

${sections.join('\n')}`;
}

/** The innermost folder with a section that it lies in. */
function homeOf(path: string): string | undefined {
  const homes = SECTIONS.flatMap(([, folders]) => folders);
  return homes.filter((folder) => path.startsWith(folder)).sort((a, b) => b.length - a.length)[0];
}

/** Of folders that no section has: the page would leave them out. */
export function homelessLimits(): string[] {
  return allLimits()
    .filter(({ path }) => homeOf(path) === undefined)
    .map(({ path, name }) => `${path} ${name}`);
}

export function undescribedLimits(): string[] {
  return allLimits()
    .filter(({ says }) => says === '')
    .map(({ path, name }) => `${path} ${name}`);
}

function allLimits(): Limit[] {
  // What stands in vendor is what other gateways do where nobody says.
  return treeFiles()
    .filter((path) => isProduct(path) && !path.startsWith('src/vendor/'))
    .flatMap(limitsOf);
}

function row({ path, name, value, says }: Limit): string {
  const file = path.slice('src/'.length);
  return `| \`${name}\`<br>[${file}](../../${path}) | ${humanValue(name, value, says)} | ${says.replaceAll('|', '\\|')} |`;
}

function limitsOf(path: string): Limit[] {
  const lines = textOf(path).split('\n');
  const found: Limit[] = [];
  for (const [i, line] of lines.entries()) {
    const [, name, value] = /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=]+)? = (.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    if (/^(?:export )?const DEFAULT_\w*LIMITS\b/.test(line)) found.push(...memberLimits(path, lines, i));
    else if (LIMIT_NAME.test(name) && !NO_LIMIT.test(name)) {
      const number = settled(value.replace(/;.*$/, ''), lines);
      if (isNumeric(number)) found.push({ path, name, value: number, says: commentAbove(lines, i) });
    }
  }
  return found;
}

/** The value with the numbers of the constants that it names: of this file, or exported by another. */
function settled(value: string, lines: readonly string[]): string {
  return value.replace(/\b[A-Z][A-Z0-9_]+\b/g, (name) => {
    const here = lines.find((line) => constantIn(line)?.name === name);
    const number = here === undefined ? exportedConstants().get(name) : constantIn(here)!.value;
    return number ?? name;
  });
}

let exported: Map<string, string> | undefined;

function exportedConstants(): Map<string, string> {
  exported ??= new Map(
    treeFiles()
      .filter(isProduct)
      .flatMap((path) => textOf(path).split('\n'))
      .flatMap((line) => (line.startsWith('export ') ? [constantIn(line)] : []))
      .flatMap((constant) => (constant ? [[constant.name, constant.value] as const] : [])),
  );
  return exported;
}

/** A constant that is a number or a product of numbers. */
function constantIn(line: string): { name: string; value: string } | undefined {
  const [, name, value] =
    /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: number)? = ([\d_]+(?: \* [\d_]+)*);/.exec(line) ?? [];
  return name === undefined ? undefined : { name, value: value! };
}

/** Limits that stand together as members of one object, described at their interface. */
function memberLimits(path: string, lines: readonly string[], start: number): Limit[] {
  const found: Limit[] = [];
  for (let i = start + 1; lines[i] !== '};'; i++) {
    const [, name, value] = /^ {2}(\w+): (.*),$/.exec(lines[i]!) ?? [];
    if (name === undefined) continue;
    const declared = lines.findIndex((line) => line.startsWith(`  ${name}: number`));
    found.push({ path, name, value: value!, says: commentAbove(lines, declared) });
  }
  return found;
}

/** Constants that follow one another and share a word, such as two windows, share the comment above the first. */
function commentAbove(lines: readonly string[], at: number): string {
  const words = wordsOf(lines[at] ?? '');
  let i = at - 1;
  while (wordsOf(lines[i] ?? '').some((word) => words.includes(word))) i--;
  if (!/\*\/$/.test(lines[i] ?? '')) return '';
  const end = i;
  while (!/^\s*\/\*\*/.test(lines[i] ?? '')) i--;
  return lines
    .slice(i, end + 1)
    .map((line) =>
      line
        .trim()
        .replace(/^\/\*\*|\*\/$|^\*/g, '')
        .replace(/\*\/$/, '')
        .trim(),
    )
    .join(' ')
    .trim();
}

/** Of a constant's name; none where its value is an object, which needs a comment of its own. */
function wordsOf(line: string): string[] {
  const [, name] = /^(?:export )?const ([A-Z0-9_]+)(?::[^=]+)? = [^{]/.exec(line) ?? [];
  return (name ?? '').split('_').filter((word) => word !== '' && word !== 'MAX');
}

const NUMERIC = /^(?:[\d_]+|[A-Z]\w*)(?: \*\*? (?:[\d_]+|[A-Z]\w*))*$/;

function isNumeric(value: string): boolean {
  const text = value.replace(/;.*$/, '');
  return (NUMERIC.test(text) && /^\d|\d/.test(text)) || /^\{ \w+: [\d_]+/.test(text);
}

function humanValue(name: string, value: string, says: string): string {
  if (value.startsWith('{'))
    return value
      .replace(/^\{ | \}.*$/g, '')
      .replaceAll('_', '')
      .replaceAll(/(\d)(?=(\d{3})+\b)/g, '$1,');
  const number = numberOf(value);
  // As records of names have it, unless it is said otherwise.
  const isTtl = /_TTL$/.test(name) && !/^milliseconds/i.test(says);
  if (/^(seconds|in seconds)/i.test(says) || isTtl) return `${number} s`;
  if (
    /millisecond/i.test(says) ||
    /timeout|after$|_MS$|eviction|backoff|linger|interval|grace|retirement|housekeeping/i.test(name)
  )
    return duration(number);
  if (/byte|size|window|datagram|payload|buffer|mark|_v1/i.test(name) || /^(?:most )?bytes/i.test(says))
    return bytes(number);
  return number.toLocaleString('en');
}

function numberOf(value: string): number {
  const factor = (text: string): number => (text === 'KIB' ? 1024 : Number(text.replaceAll('_', '')));
  const [base, exponent] = value.split(' ** ');
  if (exponent !== undefined) return factor(base!) ** factor(exponent);
  return value.split(' * ').reduce((product, text) => product * factor(text), 1);
}

function duration(milliseconds: number): string {
  if (milliseconds === 0) return 'none';
  return milliseconds % 1000 === 0 ? `${milliseconds / 1000} s` : `${milliseconds} ms`;
}

function bytes(count: number): string {
  if (count === 0) return 'none';
  if (count % 1024 ** 2 === 0) return `${count / 1024 ** 2} MiB`;
  return count % 1024 === 0 ? `${count / 1024} KiB` : `${count.toLocaleString('en')} bytes`;
}
