import { describe, expect, it } from 'vitest';
import { shownLines } from './index.ts';

const ROUTE = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: a }
spec:
  rules:
    - filters:
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set:
              - { name: Authorization, value: Basic x }
              - name: X-Long
                value: |
                  one
                  two
              - name: X-Last
                value: three
`;

describe('lines of a manifest', () => {
  it('are shown, but for the values that filters write; all keep their numbers', () => {
    const lines = shownLines(`# one\n---\n${ROUTE}---\nkind: Service\n`);
    expect(lines.join('\n')).not.toMatch(/Basic| {2}one| {2}two|three/);
    expect(lines[4]).toBe('metadata: { name: a }');
    expect(lines[11]).toBe('              - { name: Authorization, value: ••• }');
    expect(lines[12]).toBe('              - name: X-Long');
    expect(lines[16]).toBe('              - name: X-Last');
    expect(lines.at(-1)).toBe('kind: Service');
  });

  it('are masked where an alias leads to a secret', () => {
    const text = ROUTE.replace('Basic x', '*a').replace('{ name: a }', '{ name: a, annotations: { b: &a hidden } }');
    expect(shownLines(text)[2]).toBe('metadata: { name: a, annotations: { b: &a ••• } }');
  });

  it('are masked where kubectl has left the whole object in an annotation', () => {
    const copy = '{ kubectl.kubernetes.io/last-applied-configuration: "Basic x", b: c }';
    const text = ROUTE.replace('{ name: a }', `{ name: a, annotations: ${copy} }`);
    expect(shownLines(text)[2]).toBe(`metadata: { name: a, annotations: ${copy.replace('"Basic x"', '•••')} }`);
  });

  it.each([
    ['- { name: Authorization, value: Basic x }', '- { name: Authorization, valu: Basic x }'],
    ['- { name: Authorization, value: Basic x }', '- "Authorization: Basic x"'],
    ['requestHeaderModifier:', 'requestHeaderModifer:'],
  ])('are masked in another form than %s: %s', (usual, written) => {
    expect(ROUTE).toContain(usual);
    const lines = shownLines(ROUTE.replace(usual, written));
    expect(lines.join('\n')).not.toContain('Basic x');
    expect(lines.slice(0, 6)).toEqual(ROUTE.split('\n').slice(0, 6));
  });

  it('are masked where keys stand in a policy, since one of them may be no public one', () => {
    const policy = [
      'apiVersion: policies.daemun.dev/v1alpha1',
      'kind: AuthenticationPolicy',
      'spec:',
      '  defaults:',
      '    methods:',
      '      - jwt:',
      '          providers:',
      '            - issuer: https://a.example',
      '              jwks: { inline: \'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}\' }',
    ].join('\n');
    expect(shownLines(policy).join('\n')).toContain('issuer: https://a.example');
    expect(shownLines(policy).join('\n')).not.toContain('c2VjcmV0');
  });

  it('are shown of JSON objects that follow one another, but for a line that a secret is on', () => {
    const service = '{"kind":"Service"}';
    const secret = '{"kind":"Secret"}';
    const lines = shownLines(
      `${service}${service}\n${service}${secret}\n${service}\n{\n"kind":"Secret"\n}${service}\n`,
    );
    expect(lines).toEqual([`${service}${service}`, undefined, service, undefined, undefined, undefined]);
  });

  it.each([
    ['a Secret', 'apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n'],
    ['a list with one', 'kind: List\nitems:\n  - kind: Service\n  - kind: Secret\n'],
    ['an unknown kind', 'kind: Vault\nspec: { a: b }\n'],
    ['no kind', 'a: b\n'],
    ['no object', 'words\n'],
    ['what does not parse and may hold one', 'kind: Service\ndata: [\n'],
    ['what does not parse and says no kind', 'spec: [\n'],
  ])('are not shown of %s', (_name, text) => {
    expect(shownLines(text).filter((line) => line !== undefined)).toEqual([]);
  });

  it('are shown of what does not parse where it cannot hold a secret', () => {
    expect(shownLines('kind: Service\nspec: [\n')).toEqual(['kind: Service', 'spec: [']);
  });
});
