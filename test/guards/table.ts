/** All guards: a new one has its row here. */
import { REDIS_IS_HERE } from '../../src/proxy/redis/redis-server.fixture.ts';
import { ACCESS } from './access.ts';
import { AUTHENTICATION } from './authentication.ts';
import { CERTIFICATES } from './certificates.ts';
import { FILTERS } from './filters.ts';
import type { Guard } from './guard.ts';
import { KONG } from './kong.ts';
import { LIMITS } from './limits.ts';
import { STREAMS } from './streams.ts';

export const GUARDS: Guard[] = [
  ...AUTHENTICATION,
  ...ACCESS,
  ...LIMITS.filter(({ asks }) => asks === undefined || REDIS_IS_HERE),
  ...CERTIFICATES,
  ...FILTERS,
  ...KONG,
  ...STREAMS,
];
