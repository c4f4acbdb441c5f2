/** What every method of authentication that asks nobody else promises; those that do are tested by an exchange. */
import { describe, expect, test } from 'vitest';
import type { AuthenticationMethod, CredentialContent } from '../../../config/index.ts';
import { PolicyState } from '../../state/index.ts';
import { type Asked, RecordedScope } from '../filter.suite.ts';
import { METHODS } from './index.ts';
import type { Finding, Method } from './method.ts';

export interface MethodCase {
  method: AuthenticationMethod;
  /** Absent: it needs none. */
  credential?: { key: string; content: CredentialContent };
  /** Who is known, nobody in particular, and somebody who is not what he says. */
  /** What proves it once alone is made for each time. */
  known: Asked | ((by: Method) => Asked);
  absent: Asked;
  wrong: Asked;
  subject: string;
}

/** Nothing of it may be taken for a credential, or break anything. */
const HOSTILE = [
  '',
  ' ',
  '\u0000',
  '\u00ff'.repeat(64),
  ','.repeat(999),
  '__proto__',
  '{}',
  'a'.repeat(8_000),
  '=',
  '..',
  '\t',
];

/** As a data plane that holds this one Credential. */
export function stateWith(key: string, content: CredentialContent): PolicyState {
  const made = new PolicyState();
  made.credentials = new Map([[key, { kind: 'Credential', key, content }]]);
  return made;
}

export function describeMethod({ method, credential, known, absent, wrong, subject }: MethodCase): void {
  const state = (): PolicyState =>
    credential === undefined ? new PolicyState() : stateWith(credential.key, credential.content);
  const made = (of: PolicyState): Method =>
    (METHODS[method.type] as (settings: typeof method, at: PolicyState) => Method)(method, of);
  const ask = (asked: Asked, by = made(state())): Finding | Promise<Finding> => by.identify(new RecordedScope(asked));
  const proof = (by: Method): Asked => (typeof known === 'function' ? known(by) : known);

  describe(`${method.type} as a method`, () => {
    test('knows who is known, as often as he comes', async () => {
      const by = made(state());
      for (let i = 0; i < 3; i++) expect(await ask(proof(by), by)).toMatchObject({ identity: { subject } });
    });

    test('tells nobody from somebody who is not what he says', async () => {
      expect(await ask(absent)).toMatchObject({ why: 'absent' });
      expect(await ask(wrong)).toMatchObject({ why: 'wrong' });
    });

    test('refuses with a status that refuses', async () => {
      for (const asked of [absent, wrong]) {
        const finding = await ask(asked);
        expect('status' in finding && [401, 403].includes(finding.status)).toBe(true);
        if ('status' in finding && finding.status === 401) {
          for (const one of [finding.challenge].flat()) expect(one).toMatch(/^[A-Za-z]+( |$)/);
        }
      }
    });

    test('lets nobody in by what is hostile, and throws at nothing', async () => {
      const sound = proof(made(state()));
      for (const [name] of sound.headers ?? []) {
        for (const value of HOSTILE) {
          expect(await ask({ ...sound, headers: [[name, value]] })).not.toHaveProperty('identity');
        }
      }
    });

    test.runIf(credential)('lets nobody in where its credential is not there, or is another', async () => {
      const by = made(new PolicyState());
      const sound = proof(made(state()));
      expect(await ask(sound, by)).toMatchObject({ status: 503 });
      const content: CredentialContent =
        credential!.content.type === 'Users' ? { type: 'ApiKeys', keys: [] } : { type: 'Users', users: [] };
      expect(await ask(sound, made(stateWith(credential!.key, content)))).toMatchObject({ status: 503 });
    });
  });
}
