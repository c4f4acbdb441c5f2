/** Whose Credential this is: `AuthenticationPolicy/namespace/name/place`. */
export function namespaceOf(credential: string): string {
  return credential.split('/')[1] ?? '';
}

/** Of which policy: `AuthenticationPolicy/namespace/name`. */
export function policyOf(credential: string): string {
  return credential.split('/', 3).join('/');
}
