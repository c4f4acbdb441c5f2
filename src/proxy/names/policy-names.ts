/** Names of what policies ask. The machine's file of hosts has the first word, and what takes long is not in the way of backends. */
import { hostFileAddresses } from './host-file.ts';
import { type NameAsker, POLICY_NAMES } from './machine-names.ts';
import { resolveName } from './records.ts';

export async function policyAddresses(hostname: string, asker: NameAsker): Promise<string[]> {
  const own = await hostFileAddresses(hostname);
  if (own.length > 0) return own;
  return (await resolveName(hostname, asker, { machine: POLICY_NAMES })).addresses;
}
