import {
  CONDITION,
  type DaemunParametersSpec,
  GATEWAY_CLASS_REASON,
  type GatewayClass,
  type GatewayClassStatus,
  type InstalledCrd,
  KONG_UNMANAGED_ANNOTATION,
  OWN_GROUP,
  PUBLISH_SERVICE_ANNOTATION,
  UNMANAGED_ANNOTATION,
} from '../../api/index.ts';
import { CONTROLLER_NAME } from '../../value/controller-name.ts';
import type { TranslateOptions } from '../inputs.ts';
import type { Lookup } from '../lookup.ts';
import { conditions, fails, holds } from '../verdict/conditions.ts';
import { type Diagnostic, type Problem, problem } from '../verdict/problem.ts';
import { supportedFeatures } from './features.ts';
import { isParameters, isProblem, readParameters } from './parameters.ts';
import { supportedVersion } from './supported-version.ts';

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
  /** Of parametersRef; absent where there is none that can be used. */
  parameters?: DaemunParametersSpec;
  /** Nothing is made for its Gateways. */
  unmanaged?: { publishService?: string };
}

/** Our view of a class, or undefined where it is another controller's. */
export function adopt(look: Lookup, gatewayClass: GatewayClass): AdoptedClass | undefined {
  const { controllerNames } = look.options;
  const { controllerName } = gatewayClass.spec;
  if (controllerNames !== undefined && !controllerNames.includes(controllerName)) return undefined;
  const { name, generation } = gatewayClass.metadata;
  const adopted: AdoptedClass = { key: `GatewayClass//${name}`, name, controllerName, generation };
  const unmanaged = unmanagedBy(gatewayClass);
  if (unmanaged !== undefined) adopted.unmanaged = unmanaged;
  if (gatewayClass.misread === undefined) judgeParameters(look, gatewayClass, adopted);
  else {
    const { field, message } = gatewayClass.misread;
    const told = `${field} ${message}; what was made for its Gateways stays as it is`;
    adopted.problem = { ...problem(GATEWAY_CLASS_REASON.InvalidParameters, field, told), keeps: true };
  }
  return adopted;
}

function judgeParameters(look: Lookup, { spec }: GatewayClass, adopted: AdoptedClass): void {
  const { controllerName, parametersRef } = spec;
  if (parametersRef === undefined) return;
  const what = `${parametersRef.kind} ${parametersRef.name}`;
  const at = { field: 'spec.parametersRef', reason: GATEWAY_CLASS_REASON.InvalidParameters };
  // Standalone runs other vendors' manifests as they are: their parameters shape infrastructure, not routing.
  if (look.options.shared) adopted.ignored = `parameters in ${what} are ignored: this gateway does not read them`;
  else if (isParameters(parametersRef)) {
    const read = readParameters(look, { ...parametersRef, namespace: parametersRef.namespace ?? '' }, at);
    if (isProblem(read)) adopted.problem = read;
    else adopted.parameters = read;
  } else {
    const message = `${what} is no kind of parameters that ${controllerName} reads; name DaemunParameters of group ${OWN_GROUP}, or remove parametersRef`;
    adopted.problem = problem(at.reason, at.field, message);
  }
}

function unmanagedBy({ metadata }: GatewayClass): AdoptedClass['unmanaged'] {
  const { annotations = {} } = metadata;
  if (annotations[UNMANAGED_ANNOTATION] !== 'true' && annotations[KONG_UNMANAGED_ANNOTATION] === undefined)
    return undefined;
  const publishService = annotations[PUBLISH_SERVICE_ANNOTATION];
  return publishService === undefined ? {} : { publishService };
}

/**
 * Manifests made for another gateway often leave out the class, which its chart installs. Where every class is adopted
 * nothing depends on who would have made it, so a Gateway of it is served; a warning says so (stray.ts).
 */
export function implied(name: string, options: TranslateOptions): AdoptedClass | undefined {
  if (!options.shared || options.controllerNames !== undefined) return undefined;
  return { key: `GatewayClass//${name}`, name, controllerName: CONTROLLER_NAME };
}

export function gatewayClassStatus(adopted: AdoptedClass, installed: ReadonlyArray<InstalledCrd>): GatewayClassStatus {
  const accepted = adopted.problem
    ? fails(CONDITION.Accepted, adopted.problem.reason, adopted.problem.message)
    : holds(CONDITION.Accepted, GATEWAY_CLASS_REASON.Accepted, `accepted by ${adopted.controllerName}`);
  const version = supportedVersion(installed);
  const verdicts = version === undefined ? [accepted] : [accepted, version];
  return { conditions: conditions(verdicts, adopted.generation), supportedFeatures: supportedFeatures() };
}

export function gatewayClassDiagnostics(adopted: AdoptedClass, installed: ReadonlyArray<InstalledCrd>): Diagnostic[] {
  const at = { object: adopted.key, field: 'spec.parametersRef' };
  const found: Diagnostic[] = [];
  if (adopted.problem) found.push({ severity: 'error', ...at, message: adopted.problem.message });
  else if (adopted.ignored !== undefined) found.push({ severity: 'warning', ...at, message: adopted.ignored });
  const version = supportedVersion(installed);
  if (version?.status === 'False') found.push({ severity: 'warning', ...at, field: '', message: version.message });
  return found;
}
