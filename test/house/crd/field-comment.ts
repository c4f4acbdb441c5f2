/** What the comments in src/api say about a kind's fields: the descriptions of its CRD. */
import { textOf, treeFiles } from '../tree.ts';

/** By path (`spec.targetRefs`; `*` for items of lists and values of maps); the kind's own under the empty path. */
export function fieldComments(kind: string): ReadonlyMap<string, string> {
  const file = treeFiles().find(
    (path) => path.startsWith('src/api/') && textOf(path).includes(`export interface ${kind} `),
  );
  const interfaces = file === undefined ? new Map<string, Interface>() : interfacesOf(textOf(file));
  const found = new Map<string, string>();
  collect(interfaces, { name: kind, path: '', found });
  return found;
}

interface Member {
  /** From the interface's root, as in `found`. */
  path: string;
  comment: string;
  /** The type that the line names, where it names one. */
  type: string;
}

interface Interface {
  comment: string;
  members: Member[];
}

interface Collecting {
  name: string;
  path: string;
  found: Map<string, string>;
}

function collect(interfaces: ReadonlyMap<string, Interface>, { name, path, found }: Collecting): void {
  const known = interfaces.get(name);
  if (known === undefined) return;
  if (known.comment !== '' && !found.has(path)) found.set(path, known.comment);
  for (const member of known.members) {
    const at = path === '' ? member.path : `${path}.${member.path}`;
    if (member.comment !== '') found.set(at, member.comment);
    const list = /\[\]$/.test(member.type);
    collect(interfaces, { name: member.type.replace(/\[\]$/, ''), path: list ? `${at}.*` : at, found });
  }
}

/** Reads lines, not a syntax tree: the formatter gives each field its own. */
function interfacesOf(text: string): ReadonlyMap<string, Interface> {
  const all = new Map<string, Interface>();
  let current: Interface | undefined;
  let stack: string[] = [];
  let comment: string[] = [];
  for (const line of text.split('\n').map((one) => one.trim())) {
    const said = /^(?:\/\*\*|\*(?!\/))\s?(.*?)\s*(?:\*\/)?$/.exec(line);
    if (said !== null) {
      if (line.startsWith('/**')) comment = [];
      if (said[1] !== '') comment.push(said[1]!);
      continue;
    }
    if (line === '*/') continue;
    const begin = /^export interface (\w+)/.exec(line);
    const field = /^(\w+)\??: (.*?);?$/.exec(line);
    if (begin !== null) {
      current = { comment: comment.join(' '), members: [] };
      all.set(begin[1]!, current);
      stack = [];
    } else if (field !== null && current !== undefined) {
      const [, name, type] = field;
      current.members.push({ path: [...stack, name].join('.'), comment: comment.join(' '), type: type! });
      if (/\{$/.test(type!)) stack = [...stack, name!, ...(type!.startsWith('Array<') ? ['*'] : [])];
    } else if (/^\}(>|\[\])?;$/.test(line)) {
      stack = stack.at(-1) === '*' ? stack.slice(0, -2) : stack.slice(0, -1);
    } else if (line === '}') {
      current = undefined;
    }
    comment = [];
  }
  return all;
}
