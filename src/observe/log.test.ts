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
