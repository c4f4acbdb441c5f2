import { expect, test } from 'vitest';
import { createLog, type LogFormat, type LogLevel } from './log.ts';

async function logged(level: LogLevel, format: LogFormat): Promise<string[]> {
  const lines: string[] = [];
  const log = await createLog({ level, format, write: (line) => void lines.push(line) });
  log.debug({}, 'quiet');
  log.warn({ path: 'a.yaml', count: 2, why: 'no such file' }, 'not read');
  return lines;
}

test('text has the time, the level, the message and the fields', async () => {
  const [line] = await logged('info', 'text');
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}not read {2}path=a\.yaml {2}count=2 {2}why="no such file"\n$/);
});

test('json is one object a line', async () => {
  const [line] = await logged('info', 'json');
  expect(JSON.parse(line!)).toMatchObject({ level: 'warn', msg: 'not read', path: 'a.yaml', count: 2 });
});

test('messages below the level are not written', async () => {
  expect(await logged('info', 'json')).toHaveLength(1);
  expect(await logged('debug', 'json')).toHaveLength(2);
  expect(await logged('silent', 'json')).toHaveLength(0);
});

test('texts of others are text: they move no cursor and forge no line', async () => {
  const lines: string[] = [];
  const log = await createLog({ level: 'info', format: 'text', write: (line) => void lines.push(line) });
  log.warn({ object: 'a\u001b[2J', why: 'x\ny' }, 'no \u001b]0;x\u0007\n12:00:00.000 error forged');
  expect(lines.join('')).toMatch(
    / warn {2}no \\x1b\]0;x\\x07\\x0a12:00:00\.000 error forged {2}object=a\\x1b\[2J {2}why="x\\ny"\n$/,
  );
});
