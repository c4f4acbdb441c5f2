/**
 * Lines in which proxies, CDNs and clouds write the client's address: names in lower case, in which a mark that is no '-'
 * stands as one. Only a gateway may write them, and for a cache they are hardly a reason for another answer. `Forwarded`
 * (RFC 7239) is not among them: it says more than an address.
 */
export const ADDRESS_LINES: readonly string[] = [
  'forwarded-for',
  'x-forward-for',
  'x-real-ip',
  'x-real-port',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-source-ip',
  'x-true-client-ip',
  'client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'fly-client-ip',
  'do-connecting-ip',
  'incap-client-ip',
  'x-sucuri-clientip',
  'x-nf-client-connection-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  '-wsra',
  '-wsrh',
];
