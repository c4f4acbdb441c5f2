import { metadataOf } from './metadata.ts';
import { object, optional, required, text } from './schema.ts';

/** The API server's limit on an object. */
const MAX_BUNDLE = 1024 * 1024;

/** After its signer, with colons for slashes. */
const bundleName = text({
  min: 1,
  max: 253,
  format: {
    is: 'lower-case letters, digits, "-", "." and ":", with a letter or digit at both ends',
    matches: (value) => /^[a-z0-9]([-.:a-z0-9]*[a-z0-9])?$/.test(value),
  },
});

export const trustBundleMetadata = metadataOf(bundleName, false);

export const trustBundleSpec = object({
  signerName: optional(text({ max: 571 })),
  trustBundle: required(text({ min: 1, max: MAX_BUNDLE })),
});
