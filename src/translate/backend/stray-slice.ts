import { type EndpointSlice, keyOf, objectKey, SERVICE_NAME_LABEL, type Service } from '../../api/index.ts';
import { absent, type Diagnostic, diagnosis, type Problem } from '../verdict/problem.ts';
import { sliceImport, sliceService } from './service.ts';

type Told = Omit<Problem, 'reason'>;

/**
 * Why an EndpointSlice gives no Service an endpoint. In a cluster a controller writes them, and much of this passes; by
 * hand it is most likely a slip.
 */
export function sliceFinding(
  slice: EndpointSlice,
  serviceOf: (key: string) => Service | undefined,
): Diagnostic | undefined {
  const service = sliceService(slice);
  if (service === undefined && sliceImport(slice) !== undefined) return undefined;
  const told = service === undefined ? unlabelled() : problemOf(slice, service, serviceOf(`Service/${service}`));
  return told && diagnosis('warning', objectKey(slice), told);
}

const LABEL = `metadata.labels["${SERVICE_NAME_LABEL}"]`;

function unlabelled(): Told {
  const message = `has no label ${SERVICE_NAME_LABEL}, so it belongs to no Service and is not used: add it, with the Service's name`;
  return { field: 'metadata.labels', message };
}

function problemOf(slice: EndpointSlice, name: string, service: Service | undefined): Told | undefined {
  if (service === undefined) {
    const [namespace, own] = name.split('/') as [string, string];
    return absent('', LABEL, keyOf('Service', namespace, own));
  }
  const wanted = (service.spec.ports ?? []).map(portText);
  const given = (slice.ports ?? []).map(portText);
  if (wanted.length > 0 && !given.some((one) => wanted.includes(one))) {
    const message = `none of ${given.join(', ') || 'no ports'} is a port of Service ${name}, which has ${wanted.join(', ')}: ports meet by their names`;
    return { field: 'ports', message };
  }
  return service.spec.publishNotReadyAddresses ? undefined : unready(slice, name);
}

function portText({ name, protocol = 'TCP' }: { name?: string; protocol?: string }): string {
  return `${name === undefined || name === '' ? '(no name)' : name}/${protocol}`;
}

function unready({ endpoints }: EndpointSlice, service: string): Told | undefined {
  const all = endpoints ?? [];
  if (all.length === 0) return { field: 'endpoints', message: `gives Service ${service} no endpoint` };
  if (all.some(({ conditions = {} }) => (conditions.ready ?? true) || conditions.serving)) return undefined;
  return { field: 'endpoints', message: `none of ${all.length} is ready: Service ${service} gets none of them` };
}
