import type { KongPluginKind } from './plugin.ts';
import { POSITIVE } from './status.ts';

const UNITS = { bytes: 1, kilobytes: 1_024, megabytes: 1_048_576 } as const;
/** Megabytes, as Kong has it. */
const DEFAULT_SIZE = 128;

export const requestSizeLimiting: KongPluginKind = {
  plugin: 'request-size-limiting',
  guards: true,
  read(config) {
    const ours = 'AccessPolicy maxBodyBytes';
    const size = config.whole('allowed_payload_size', POSITIVE, { ours }) ?? DEFAULT_SIZE;
    const unit = config.oneOf('size_unit', ['bytes', 'kilobytes', 'megabytes'], { ours }) ?? 'megabytes';
    config.only('require_content_length', false, 'a body without a length is counted as it comes: leave it out');
    return { policies: { AccessPolicy: { maxBodyBytes: size * UNITS[unit] } } };
  },
};
