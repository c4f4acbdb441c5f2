/** AccessLogging: requests of which the access log has no line. They are counted as all others are. */
import type { AccessLogSettings, Acting } from '../../config/index.ts';
import { CONTINUE, type CompiledFilter } from './filter.ts';

export function accessLogFilters(
  { holds }: Acting<AccessLogSettings>,
  { written }: AccessLogSettings,
): CompiledFilter[] {
  return [
    {
      type: 'AccessLogging',
      // Before whatever refuses.
      step: 'last-word',
      yields: holds === 'Default',
      onRequest(scope) {
        if (!written) scope.unlog();
        return CONTINUE;
      },
    },
  ];
}
