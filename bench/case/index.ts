import type { Case } from './case.ts';
import { handshakeCases } from './handshake.ts';
import { httpCases } from './http.ts';
import { grpcCase, http2Case } from './http2.ts';
import { memoryCases } from './memory.ts';
import { rateCase } from './rate.ts';
import { routesCase, workersCase } from './routes.ts';
import { streamCases } from './stream.ts';

export type { Case, Contender, Figure, Goal, Sample, Target, World } from './case.ts';

/** Every case, in the order of the report. */
export const cases: readonly Case[] = [
  ...httpCases,
  ...handshakeCases,
  rateCase,
  routesCase,
  workersCase,
  http2Case,
  grpcCase,
  ...streamCases,
  ...memoryCases,
];
