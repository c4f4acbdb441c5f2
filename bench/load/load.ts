/** What a load generator did to a proxy. */
export interface Load {
  /** Finished as they should be: requests, handshakes or datagrams. */
  done: number;
  /** Anything that went otherwise; a figure taken with failures counts as no figure. */
  failed: number;
  /** Body bytes that arrived, where the generator counts them. */
  bytes?: number;
  /** Latency in microseconds, where the generator measures it. */
  p50?: number;
  p99?: number;
}

/** The last line of what a generator printed, which holds its result as JSON. */
export function parseLoad(output: string): Load {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  return JSON.parse(line) as Load;
}
