import type { Diagnostic } from '../verdict/problem.ts';
import type { ManagedGateway } from './gateway.ts';

export function gatewayDiagnostics({ namespace, name, problems, ignored }: ManagedGateway): Diagnostic[] {
  const object = `Gateway/${namespace}/${name}`;
  return [
    ...problems.map(({ field, message }): Diagnostic => ({ severity: 'error', object, field, message })),
    ...ignored.map(({ field, message }): Diagnostic => ({ severity: 'warning', object, field, message })),
  ];
}
