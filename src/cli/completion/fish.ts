import type { CommandWord, FlagWord } from './word.ts';

export function fishScript(words: readonly CommandWord[]): string {
  return `# Completes daemun in fish.
complete -c daemun -f
${words.flatMap((word) => linesOf(word)).join('\n')}
`;
}

function linesOf({ path, flags, commands, value }: CommandWord): string[] {
  const below = commands.map(({ name }) => name);
  const inside = path.split(' ').map((name) => `__fish_seen_subcommand_from ${name}`);
  const here = path === '' ? '__fish_use_subcommand' : inside.join('; and ');
  const next =
    below.length > 0 && path !== '' ? `${here}; and not __fish_seen_subcommand_from ${below.join(' ')}` : here;
  const line = (condition: string, rest: string): string => `complete -c daemun -n '${condition}' ${rest}`;
  return [
    ...commands.map(({ name, summary }) => line(next, `-a ${name} -d '${quoted(summary)}'`)),
    ...(value === 'files' ? [line(here, '-F')] : []),
    ...(Array.isArray(value) ? [line(here, `-a '${value.join(' ')}'`)] : []),
    ...flags.map((flag) => line(here, flagOf(flag))),
  ];
}

function flagOf({ names, summary, value }: FlagWord): string {
  const written = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const takes =
    value === undefined ? '' : value === 'files' ? ' -r -F' : value === 'any' ? ' -x' : ` -x -a '${value.join(' ')}'`;
  return `${written.join(' ')}${takes} -d '${quoted(summary)}'`;
}

function quoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}
