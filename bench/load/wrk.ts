/** wrk: as many requests as 64 keepalive connections take, over HTTP/1.1. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../child.ts';
import { type Load, parseLoad } from './load.ts';

export interface WrkLoad {
  port: number;
  tls?: boolean;
  seconds: number;
  hosts: string[];
  /** Exact request targets; each host is asked for each, in a fixed shuffled order. */
  targets: string[];
  headers?: Record<string, string>;
  /** Requests sent at once on a connection; 1 waits for each answer. */
  pipeline?: number;
  connections?: number;
  /** For the generated script. */
  dir: string;
}

let scripts = 0;

export async function wrk(load: WrkLoad): Promise<Load> {
  const script = join(load.dir, `wrk-${++scripts}.lua`);
  writeFileSync(script, wrkScript(load));
  const size = ['-t1', `-c${load.connections ?? 64}`, `-d${load.seconds}s`, '--timeout', '10s'];
  // The name, not the address: it is sent as SNI.
  const url = load.tls ? `https://localhost:${load.port}` : `http://127.0.0.1:${load.port}`;
  return parseLoad(await run(['wrk', ...size, '-s', script, url], load.seconds + 30));
}

export function wrkScript(load: WrkLoad): string {
  const pairs = shuffled(load.hosts.flatMap((host) => load.targets.map((target) => [host, target] as const)));
  const headers = Object.entries(load.headers ?? {});
  const set = headers.map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`).join('\n');
  const first = pairs[0]!;
  // A script without request() costs wrk no call per request.
  const static_ = pairs.length === 1 && (load.pipeline ?? 1) === 1;
  const one = `wrk.headers["Host"] = ${lua(first[0])}\nwrk.path = ${lua(first[1])}\n`;
  return `${set}\n${static_ ? one : manyRequests(pairs, load.pipeline ?? 1)}${report}`;
}

function manyRequests(pairs: (readonly [string, string])[], pipeline: number): string {
  const table = pairs.map(([host, target]) => `{${lua(host)}, ${lua(target)}}`).join(',\n');
  return `local pairs = {
${table}
}
local batches, at = {}, 0
init = function()
  local single = {}
  for i, pair in ipairs(pairs) do
    wrk.headers["Host"] = pair[1]
    single[i] = wrk.format("GET", pair[2])
  end
  for i = 1, #single do
    local batch = {}
    for j = 1, ${pipeline} do batch[j] = single[(i + j - 2) % #single + 1] end
    batches[i] = table.concat(batch)
  end
end
request = function()
  at = at % #batches + 1
  return batches[at]
end
`;
}

const report = `done = function(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"done":%d,"failed":%d,"bytes":%.0f,"p50":%d,"p99":%d}\\n',
    summary.requests, failed, summary.bytes, latency:percentile(50), latency:percentile(99)))
end
`;

function lua(text: string): string {
  return JSON.stringify(text);
}

/** A fixed order that looks random, so that neighbours in the routing table are not asked one after the other. */
function shuffled<T>(items: T[]): T[] {
  const result = [...items];
  let state = 12345;
  for (let i = result.length - 1; i > 0; i--) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    const j = state % (i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
