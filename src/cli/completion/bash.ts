import { steps, values } from './case-line.ts';
import type { CommandWord, Value } from './word.ts';

export function bashScript(words: readonly CommandWord[]): string {
  return `# Completes daemun in Bash.
_daemun() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command/\${COMP_WORDS[i]}" in
${words.flatMap(steps).join('\n')}
    esac
  done
  case "$command/$prev" in
${words.flatMap((word) => values(word, reply)).join('\n')}
  esac
  case "$command/$cur" in
${words.flatMap(following).join('\n')}
  esac
}
complete -F _daemun daemun
`;
}

function following({ path, flags, commands, value }: CommandWord): string[] {
  const long = flags.map(({ names }) => names.at(-1)!);
  const next = value ?? commands.map(({ name }) => name);
  return [`    '${path}/'-*) ${reply(long)} ;;`, `    '${path}/'*) ${reply(next)} ;;`];
}

function reply(value: Value): string {
  if (value === 'any') return '';
  if (value === 'files') return 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"));';
  return `COMPREPLY=($(compgen -W '${value.join(' ')}' -- "$cur"));`;
}
