import { CLUSTER_GUIDES } from '../cluster/guide-list.ts';
import { treeFiles } from '../house/tree.ts';

const ELSEWHERE = CLUSTER_GUIDES.map((guide) => `docs/guides/${guide}.md`);

/** Pages whose commands `test/guides/` runs. */
export const PAGES = [
  'README.md',
  'examples/README.md',
  ...treeFiles().filter((path) => path.startsWith('docs/guides/')),
].filter((page) => !ELSEWHERE.includes(page));
