/** Times of the week, in a zone that may change its clocks. */
import type { TimeWindow } from '../../config/index.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MINUTE = 60_000;

export class TimeWindows {
  readonly #windows: ReadonlyArray<TimeWindow & { format: Intl.DateTimeFormat }>;
  readonly #clock: () => number;
  /** The minute that was looked at last, and what came of it. */
  #minute = -1;
  #holds = false;

  constructor(windows: readonly TimeWindow[], clock: () => number = Date.now) {
    this.#clock = clock;
    this.#windows = windows.map((window) => {
      const { timeZone } = window;
      const form = { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
      return { ...window, format: new Intl.DateTimeFormat('en-US', form) };
    });
  }

  holds(): boolean {
    const minute = Math.floor(this.#clock() / MINUTE);
    if (minute !== this.#minute) {
      this.#minute = minute;
      const now = new Date(minute * MINUTE);
      this.#holds = this.#windows.some((window) => isWithin(window, partsOf(window.format, now)));
    }
    return this.#holds;
  }
}

function partsOf(format: Intl.DateTimeFormat, now: Date): { day: number; minute: number } {
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return {
    day: DAYS.indexOf(parts.get('weekday')!),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}

/** Over midnight the day is that on which it began. */
function isWithin({ days, from, to }: TimeWindow, { day, minute }: { day: number; minute: number }): boolean {
  const on = (which: number): boolean => days.length === 0 || days.includes(which);
  if (from <= to) return on(day) && minute >= from && minute < to;
  return (on(day) && minute >= from) || (on((day + 6) % 7) && minute < to);
}
