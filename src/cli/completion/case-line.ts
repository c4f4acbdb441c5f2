/** Lines of a `case` that bash and zsh read alike. */
import type { CommandWord, Value } from './word.ts';

/** From a command to those below it. */
export function steps({ path, commands }: CommandWord): string[] {
  return commands.map(({ name }) => `      '${path}/${name}') command='${`${path} ${name}`.trim()}' ;;`);
}

/** What comes after a flag that takes a value; `reply` says it in the shell's way. */
export function values({ path, flags }: CommandWord, reply: (value: Value) => string): string[] {
  return flags.flatMap(({ names, value }) =>
    value === undefined ? [] : [`    ${names.map((name) => `'${path}/${name}'`).join('|')}) ${reply(value)} return ;;`],
  );
}
