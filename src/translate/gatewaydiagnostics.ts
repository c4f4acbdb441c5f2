import type { ManagedGateway } from './gateway.ts';
import type { Diagnostic } from './problem.ts';

export function gatewayDiagnostics({ namespace, name, problems, ignored }: ManagedGateway): Diagnostic[] {
  const object = `Gateway/${namespace}/${name}`;
  return [
    ...problems.map(({ field, message }): Diagnostic => ({ severity: 'error', object, field, message })),
    ...ignored.map(({ field, message }): Diagnostic => ({ severity: 'warning', object, field, message })),
  ];
}
