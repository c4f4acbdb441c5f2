/** Authentication: who asks. What is not clear is refused. */
import type { Acting, AuthenticationMethod, AuthenticationSettings } from '../../../config/index.ts';
import type { PolicyState } from '../../state/index.ts';
import type { CompiledFilter } from '../filter.ts';
import { basicMethod } from './basic.ts';
import { brokenMethod } from './broken.ts';
import { externalMethod } from './external.ts';
import type { Method } from './method.ts';
import { MethodFilter } from './method-filter.ts';
import { MethodGroup } from './method-group.ts';

type MethodMaker<T extends AuthenticationMethod['type']> = (
  settings: Extract<AuthenticationMethod, { type: T }>,
  state: PolicyState,
) => Method;

/** Every method: a new one has its line here. */
export const METHODS: { readonly [T in AuthenticationMethod['type']]: MethodMaker<T> } = {
  Broken: brokenMethod,
  Basic: basicMethod,
  External: externalMethod,
};

/** Throws DMN_CONFIG_INVALID for what cannot be compiled. */
export function authenticationFilters(
  act: Acting<AuthenticationSettings>,
  settings: AuthenticationSettings,
  state: PolicyState,
): CompiledFilter[] {
  const methods = settings.methods.map((one) => methodOf(one, state));
  const group = new MethodGroup(act, settings, { methods, state });
  return methods.map((method, at) => {
    const { name } = settings.methods[at]!;
    return new MethodFilter(act, method, { group, name, first: at === 0, last: at === methods.length - 1, state });
  });
}

function methodOf(settings: AuthenticationMethod, state: PolicyState): Method {
  // The maker is the one of the type that the settings have.
  return (METHODS[settings.type] as MethodMaker<AuthenticationMethod['type']>)(settings, state);
}
