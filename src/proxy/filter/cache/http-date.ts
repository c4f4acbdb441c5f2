/**
 * Dates as RFC 9110 5.6.7 has them: the form of today and the two that are obsolete. What is none of them is no date, where
 * `Date.parse` would guess one: an answer with such an Expires would be kept for as long as nobody meant.
 */
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH = MONTHS.join('|');
const TIME = String.raw`(?<time>\d\d:\d\d:\d\d)`;

/** Whatever case they are written in. */
const FORMS: readonly RegExp[] = [
  // Sun, 06 Nov 1994 08:49:37 GMT
  String.raw`^(?:mon|tue|wed|thu|fri|sat|sun), (?<day>\d\d) (?<month>${MONTH}) (?<year>\d{4}) ${TIME} gmt$`,
  // Sunday, 06-Nov-94 08:49:37 GMT
  String.raw`^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?<day>\d\d)-(?<month>${MONTH})-(?<year>\d\d) ${TIME} gmt$`,
  // Sun Nov  6 08:49:37 1994
  String.raw`^(?:mon|tue|wed|thu|fri|sat|sun) (?<month>${MONTH}) (?<day>[ \d]\d) ${TIME} (?<year>\d{4})$`,
].map((form) => new RegExp(form, 'i'));

/** Years that a date with two digits of a year may lie ahead; one that would lie further is of the century before. */
const MOST_AHEAD = 50;

/** Milliseconds since 1970, or undefined: it is no date. `year`: the present one. */
export function httpDate(text: string, year: number = new Date().getUTCFullYear()): number | undefined {
  for (const form of FORMS) {
    const found = form.exec(text)?.groups;
    if (found === undefined) continue;
    const month = String(MONTHS.indexOf(found.month!.toLowerCase()) + 1).padStart(2, '0');
    const full = found.year!.length === 2 ? fullYear(Number(found.year), year) : found.year;
    const at = Date.parse(`${full}-${month}-${found.day!.replace(' ', '0')}T${found.time}Z`);
    return Number.isNaN(at) ? undefined : at;
  }
  return undefined;
}

function fullYear(digits: number, year: number): number {
  const ofThis = year - (year % 100) + digits;
  return ofThis > year + MOST_AHEAD ? ofThis - 100 : ofThis;
}
