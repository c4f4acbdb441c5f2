/** Where resources come from: files now, a cluster later. Each source fills one collection per kind. */
export { isStandIn } from './admission.ts';
export { CertificateFiles, type CertificateOption, parseCertificateOption } from './certificate-files.ts';
export type { Diagnostic } from './diagnostic.ts';
export { type EndpointOption, endpointSlices, parseEndpointOption } from './endpoint-option.ts';
export { shownLines } from './excerpt.ts';
export { type FileSource, type FileSourceOptions, fileSource, type Reload } from './file-source.ts';
export type { Place } from './inventory.ts';
export { LastGood } from './last-good.ts';
export { nearest } from './schema/index.ts';
export type { ResourceCollections, Source } from './source.ts';
