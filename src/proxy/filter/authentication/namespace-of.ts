/** Whose Credential this is: `AuthenticationPolicy/namespace/name/place`. */
export function namespaceOf(credential: string): string {
  return credential.split('/')[1] ?? '';
}
