/** A socket as text: `address:port`, an IPv6 address in brackets. */
export function socketName(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
