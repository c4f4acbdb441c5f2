/** Authentication: who asks. What is not clear is refused. */
import type { Acting, AuthenticationMethod, AuthenticationSettings, Credential } from '../../../config/index.ts';
import type { PolicyState } from '../../state/index.ts';
import type { CompiledFilter } from '../filter.ts';
import { apiKeyMethod } from './api-key.ts';
import { basicMethod } from './basic.ts';
import { brokenMethod } from './broken.ts';
import { clientCertificateMethod } from './client-certificate.ts';
import { digestMethod } from './digest.ts';
import { externalMethod } from './external.ts';
import { jwtMethod } from './jwt/index.ts';
import { isFetched, keyHolderOf } from './jwt/key-holder.ts';
import type { Method } from './method.ts';
import { MethodFilter } from './method-filter.ts';
import { MethodGroup } from './method-group.ts';
import { oidcMethod } from './oidc/index.ts';

type MethodMaker<T extends AuthenticationMethod['type']> = (
  settings: Extract<AuthenticationMethod, { type: T }>,
  state: PolicyState,
) => Method;

/** Every method: a new one has its line here. */
export const METHODS: { readonly [T in AuthenticationMethod['type']]: MethodMaker<T> } = {
  Broken: brokenMethod,
  Basic: basicMethod,
  Digest: digestMethod,
  ApiKey: apiKeyMethod,
  ClientCertificate: clientCertificateMethod,
  External: externalMethod,
  Jwt: jwtMethod,
  Oidc: oidcMethod,
};

/** As the config has them from now on. Keys that issuers publish come before the first token does, where there is time. */
export function takeCredentials(state: PolicyState, credentials: ReadonlyMap<string, Credential>): void {
  state.credentials = credentials;
  for (const { key, content } of credentials.values()) if (isFetched(content)) keyHolderOf(state, key);
}

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
