/** Hosts, paths and headers that cases send. */
export const onePath = ['/'];

export const tenPaths = Array.from({ length: 10 }, (_, i) => `/app${i}/part`);

export function manyHosts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `host${i}.bench.example`);
}

/** With Host, the twelve headers of a browser's request for a page. */
export const browserHeaders: Record<string, string> = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Language': 'en-GB,en;q=0.7,ko;q=0.3',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'https://www.bench.example/catalogue/spring/page-4.html',
  Cookie: 'session=6f1c2a94d0b84a6f9a1e6f7f1c1b22aa; theme=dark; consent=essential-only; region=eu-west',
  'Upgrade-Insecure-Requests': '1',
  'Sec-Fetch-Dest': 'document',
  'Sec-Fetch-Mode': 'navigate',
  'Sec-Fetch-Site': 'same-origin',
  'Cache-Control': 'max-age=0',
};
