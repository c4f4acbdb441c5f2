/** Whether a hostname of a listener or route, perhaps a wildcard, stands for a host; none stands for any. */
export function takesHost(hostname: string | undefined, host: string): boolean {
  if (hostname === undefined) return true;
  return hostname.startsWith('*.') ? host.endsWith(hostname.slice(1)) : hostname === host;
}
