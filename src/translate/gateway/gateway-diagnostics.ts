import { type Diagnostic, diagnosis } from '../verdict/problem.ts';
import type { ManagedGateway } from './gateway.ts';

export function gatewayDiagnostics({ namespace, name, problems, ignored }: ManagedGateway): Diagnostic[] {
  const object = `Gateway/${namespace}/${name}`;
  return [
    ...problems.map((one) => diagnosis('error', object, one)),
    ...ignored.map((one) => diagnosis('warning', object, one)),
  ];
}
