/**
 * Which of two states of an object is the later one. Versions are numbers that grow: an API server promises it since
 * Kubernetes 1.35, and etcd has always done so. Of what is no number none is later.
 */
export function isNewer(one: string | undefined, other: string | undefined): boolean {
  const [a, b] = [numberOf(one), numberOf(other)];
  return a !== undefined && b !== undefined && a > b;
}

function numberOf(version = ''): bigint | undefined {
  return /^\d+$/.test(version) ? BigInt(version) : undefined;
}
