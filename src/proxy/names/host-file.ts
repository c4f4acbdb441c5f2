/** Names that the machine's file of hosts has, read without the threads that look names up. */
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

export async function hostFileAddresses(hostname: string, path = '/etc/hosts'): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const wanted = hostname.toLowerCase();
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((name) => name.toLowerCase() === wanted) ? [address] : [];
  });
}
