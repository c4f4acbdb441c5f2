import { CONDITION, GATEWAY_CLASS_REASON, type GatewayClass, type GatewayClassStatus } from '../../api/index.ts';
import type { TranslateOptions } from '../inputs.ts';
import { conditions, fails, holds } from '../verdict/conditions.ts';
import { type Diagnostic, type Problem, problem } from '../verdict/problem.ts';
import { supportedFeatures } from './features.ts';

/** In statuses, where no GatewayClass names the controller. */
export const DEFAULT_CONTROLLER = 'daemun.dev/gateway-controller';

/** A GatewayClass of ours. */
export interface AdoptedClass {
  key: string;
  name: string;
  controllerName: string;
  generation?: number;
  /** Why it is not Accepted. */
  problem?: Problem;
  /** What is left out without harm. */
  ignored?: string;
}

/** Our view of a class, or undefined where it is another controller's. */
export function adopt(gatewayClass: GatewayClass, options: TranslateOptions): AdoptedClass | undefined {
  const { controllerName, parametersRef } = gatewayClass.spec;
  if (options.controllerNames !== undefined && !options.controllerNames.includes(controllerName)) return undefined;
  const { name, generation } = gatewayClass.metadata;
  const adopted: AdoptedClass = { key: `GatewayClass//${name}`, name, controllerName, generation };
  if (parametersRef === undefined) return adopted;
  const what = `${parametersRef.kind} ${parametersRef.name}`;
  // Standalone runs other vendors' manifests as they are: their parameters shape infrastructure, not routing.
  if (options.shared) adopted.ignored = `parameters in ${what} are ignored: this gateway does not read them`;
  else {
    const message = `${what} is no kind of parameters that ${controllerName} reads; remove parametersRef`;
    adopted.problem = problem(GATEWAY_CLASS_REASON.InvalidParameters, 'spec.parametersRef', message);
  }
  return adopted;
}

/**
 * Manifests made for another gateway often leave out the class, which its chart installs. Where every class is adopted
 * nothing depends on who would have made it, so a Gateway of it is served; a warning says so (stray.ts).
 */
export function implied(name: string, options: TranslateOptions): AdoptedClass | undefined {
  if (!options.shared || options.controllerNames !== undefined) return undefined;
  return { key: `GatewayClass//${name}`, name, controllerName: DEFAULT_CONTROLLER };
}

export function gatewayClassStatus(adopted: AdoptedClass): GatewayClassStatus {
  const accepted = adopted.problem
    ? fails(CONDITION.Accepted, adopted.problem.reason, adopted.problem.message)
    : holds(CONDITION.Accepted, GATEWAY_CLASS_REASON.Accepted, `accepted by ${adopted.controllerName}`);
  return { conditions: conditions([accepted], adopted.generation), supportedFeatures: supportedFeatures() };
}

export function gatewayClassDiagnostics(adopted: AdoptedClass): Diagnostic[] {
  const at = { object: adopted.key, field: 'spec.parametersRef' };
  if (adopted.problem) return [{ severity: 'error', ...at, message: adopted.problem.message }];
  return adopted.ignored === undefined ? [] : [{ severity: 'warning', ...at, message: adopted.ignored }];
}
