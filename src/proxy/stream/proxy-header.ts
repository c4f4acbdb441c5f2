import type { LinkAddresses } from '../ground/driver.ts';
import type { ProxyVersion } from '../upstream/index.ts';
import { encodeV1, encodeV2 } from './proxy-protocol.ts';

export function proxyHeader(version: ProxyVersion, addresses: LinkAddresses): Uint8Array {
  return version === 1 ? encodeV1(addresses) : encodeV2(addresses);
}
