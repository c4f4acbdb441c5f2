/** Pages lead where they say, and their examples run. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { daemun } from '../cli/daemun-process.ts';
import { textOf, treeFiles } from './tree.ts';

const PAGES = treeFiles().filter((path) => path.endsWith('.md'));

test('every link within the tree leads somewhere', () => {
  const dead = PAGES.flatMap((page) =>
    linksOf(page)
      .filter((to) => !leads(page, to))
      .map((to) => `${page}: ${to}`),
  );
  expect(dead).toEqual([]);
});

test('every page of docs/ can be reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const link of linksOf(page)) {
      const [path] = link.split('#');
      const to = normalize(join(dirname(page), path!)).replace(/\/$/, '');
      const target = existsSync(`${to}/README.md`) ? `${to}/README.md` : to;
      if (PAGES.includes(target)) reached.add(target);
    }
  }
  expect(PAGES.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
});

test('the README links every guide', () => {
  const linked = linksOf('README.md').map((link) => link.split('#')[0]);
  expect(PAGES.filter((page) => page.startsWith('docs/guides/') && !linked.includes(page))).toEqual([]);
});

test.each(['README.md', 'docs/guides/streams.md'])('the manifests of %s are accepted', async (page) => {
  const [, manifests] = /```yaml\n(apiVersion:[\s\S]*?)```/.exec(textOf(page))!;
  const gatewayClass = `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: daemun }
spec: { controllerName: daemun.dev/gateway-controller }
${['postgres:5432:TCP', 'dns:53:UDP', 'vault:8443:TCP'].map(service).join('')}`;
  const all = manifests!.includes('kind: GatewayClass') ? manifests! : manifests! + gatewayClass;
  const { code, stdout, stderr } = await daemun(['check', '-f', '-'], all);
  expect(stdout + stderr).not.toMatch(/error|warning/);
  expect(code).toBe(0);
});

function service(text: string): string {
  const [name, port, protocol] = text.split(':');
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: infra }
spec: { ports: [{ port: ${port}, protocol: ${protocol} }] }
`;
}

/** Relative links of a page, code blocks left out. */
function linksOf(page: string): string[] {
  const prose = textOf(page).replace(/```[\s\S]*?```/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!).filter((to) => !/^[a-z]+:/.test(to));
}

function leads(page: string, link: string): boolean {
  const [path, anchor] = link.split('#');
  const to = path === '' ? page : normalize(join(dirname(page), path!));
  if (!existsSync(to)) return false;
  return anchor === undefined || headingsOf(to).includes(anchor);
}

function headingsOf(page: string): string[] {
  return [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    return heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
  });
}
