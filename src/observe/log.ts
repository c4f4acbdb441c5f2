/** Operational messages, to standard error. For people as text, for machines as one JSON object a line. */
import { writeSync } from 'node:fs';
import { visibleText } from '../value/visible-text.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  error(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  debug(fields: Fields, message: string): void;
}

export interface LogOptions {
  level: LogLevel;
  format: LogFormat;
  /** Takes one line with its newline. Default: standard error. */
  write?: (line: string) => void;
}

export async function createLog({ level, format, write = toStderr }: LogOptions): Promise<Log> {
  // Loaded here: most commands never log, and start faster without it.
  const { pino } = await import('pino');
  const sink = format === 'json' ? write : (line: string) => write(readable(line));
  const log: Log = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: sink },
  );
  return log;
}

function toStderr(line: string): void {
  try {
    writeSync(2, line);
  } catch {
    // Whoever read standard error has gone: nobody is left to tell.
  }
}

/** `12:30:01.123 warn  message  name=value`. */
function readable(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: string; time: string; msg: string };
  const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${plain(value)}`);
  return `${visibleText(`${time.slice(11, 23)} ${level.padEnd(5)} ${msg}${rest.join('')}`)}\n`;
}

function plain(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
