import { steps, values } from './case-line.ts';
import type { CommandWord, Value } from './word.ts';

export function zshScript(words: readonly CommandWord[]): string {
  return `#compdef daemun
# Completes daemun in Zsh.
_daemun() {
  local cur=$words[CURRENT] prev=$words[CURRENT-1] command= word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$command/$word" in
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
if [ "$funcstack[1]" = _daemun ]; then _daemun "$@"; else compdef _daemun daemun; fi
`;
}

function following({ path, flags, commands, value }: CommandWord): string[] {
  const long = flags.map(({ names, summary }) => described(names.at(-1)!, summary));
  const next =
    value === undefined
      ? show(
          'command',
          commands.map((one) => described(one.name, one.summary)),
        )
      : reply(value);
  return [`    '${path}/'-*) ${show('flag', long)} ;;`, `    '${path}/'*) ${next} ;;`];
}

function reply(value: Value): string {
  if (value === 'any') return '';
  return value === 'files' ? '_files;' : `compadd -- ${value.join(' ')};`;
}

function show(what: string, found: readonly string[]): string {
  return `found=(${found.join(' ')}); _describe ${what} found;`;
}

/** A colon parts the word from what is said of it. */
function described(word: string, summary: string): string {
  return `'${word}:${summary.replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`;
}
