import { milliseconds } from '../../value/duration.ts';
import { readHttpMatches } from '../http-match.ts';
import { requestPolicy } from './request-policy.ts';

const EVERY = 100;

export const fault = requestPolicy({
  kind: 'FaultPolicy',
  types: ['Fault'],
  read({ when, delay, abort }, { field, invalid }) {
    const matches = readHttpMatches(when, `${field}.when`);
    invalid.push(...matches.invalid);
    const delayed = delay && {
      milliseconds: milliseconds(delay.duration) ?? 0,
      percentage: delay.percentage ?? EVERY,
    };
    const aborted = abort && { statusCode: abort.statusCode, percentage: abort.percentage ?? EVERY };
    return {
      Fault: {
        when: when === undefined || when.length === 0 ? [] : matches.matches,
        ...(delayed ? { delay: delayed } : {}),
        ...(aborted ? { abort: aborted } : {}),
      },
    };
  },
});
