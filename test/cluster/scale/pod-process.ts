/** What the processes of a pod take: of this machine's /proc where they run here, else as their metrics say. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ApiClient } from '../../../src/sources/cluster/index.ts';

export interface PodPlace {
  namespace: string;
  name: string;
  /** Where its metrics are. */
  adminPort: number;
}

export interface PodUse {
  /** Of the pod. */
  name: string;
  /** Seconds of processor time since it began. */
  cpu: number;
  /** Bytes; pages that several processes share are counted in parts where `/proc` says so. */
  memory: number;
  /** Bytes that no other process has; unknown from metrics. */
  private?: number;
}

/** Of /proc/PID/stat; the same on all that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Milliseconds without a byte of the metrics. */
const ANSWER = 10_000;

export async function podUse(client: ApiClient, pod: PodPlace): Promise<PodUse> {
  const processes = processesOf(pod.name);
  if (processes.length === 0) return measured(client, pod);
  const sum: Required<PodUse> = { name: pod.name, cpu: 0, memory: 0, private: 0 };
  for (const pid of processes) {
    sum.cpu += cpuOf(pid);
    const memory = file(pid, 'smaps_rollup');
    sum.memory += bytes(memory, 'Pss');
    sum.private += bytes(memory, 'Private_Clean') + bytes(memory, 'Private_Dirty');
  }
  return sum;
}

/** Whose host name is the pod's, as the kubelet sets it; children have it from their parent. */
function processesOf(pod: string): string[] {
  const name = `HOSTNAME=${pod}`;
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && file(pid, 'environ').split('\0').includes(name));
}

/** Programs whose part is told apart. */
const CONTROL_PLANE = ['kube-apiserver', 'etcd'];

/** Seconds of processor time of the API server and its store, where they run in the network that we are in. */
export function controlPlaneCpu(): number {
  const ours = networkOf('self');
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && CONTROL_PLANE.includes(file(pid, 'comm').trim()) && networkOf(pid) === ours)
    .reduce((sum, pid) => sum + cpuOf(pid), 0);
}

/** The command line of a program that runs in the network that we are in; '' where none does. */
export function commandOf(program: string): string {
  const ours = networkOf('self');
  const pid = readdirSync('/proc').find(
    (one) => /^\d+$/.test(one) && file(one, 'comm').trim() === program && networkOf(one) === ours,
  );
  return pid === undefined ? '' : file(pid, 'cmdline').replaceAll('\0', ' ');
}

function networkOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return '';
  }
}

function cpuOf(pid: string): number {
  const stat = file(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')')).split(' ');
  return (Number(fields[12] ?? 0) + Number(fields[13] ?? 0)) / TICKS_PER_SECOND;
}

/** Empty where it is gone, or not ours to read. */
function file(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

function bytes(text: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
}

async function measured(client: ApiClient, pod: PodPlace): Promise<PodUse> {
  const text = await podMetrics(client, pod);
  const memory = metric(text, 'process_resident_memory_bytes');
  return { name: pod.name, cpu: metric(text, 'process_cpu_seconds_total'), memory };
}

/** Through the API server, which reaches pods where we may not. */
export async function podMetrics(client: ApiClient, { namespace, name, adminPort }: PodPlace): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${adminPort}/proxy/metrics`;
  const lines: string[] = [];
  await client.lines({ path, accept: 'text/plain' }, ANSWER, (some) => void lines.push(...some));
  return lines.join('\n');
}

/** The sum over the series whose labels have this text in them. */
export function metric(text: string, name: string, label = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !/[{ ]/.test(line[name.length]!) || !line.includes(label)) continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}
