import { createHash } from 'node:crypto';
import { ownSecret } from '../ours.ts';
import { consumerLines, secretName } from './consumer.ts';
import { type CredentialForm, usableCredentials } from './credential.ts';
import type { KongPluginKind } from './plugin.ts';
import { realmIn } from './spelling.ts';

/** As a line of the file begins: white space at the ends is none of it, and `#` begins a comment. */
const NAME = /^(?![\s#])[^:\p{Cc}]+(?<!\s)$/u;

const FORM: CredentialForm = {
  type: 'basic-auth',
  idOf: ({ username = '' }) => username,
  faultOf: ({ username = '', password = '' }) =>
    password === '' || !NAME.test(username)
      ? 'has no password, or a name that a file of passwords cannot hold'
      : undefined,
};

export const basicAuth: KongPluginKind = {
  plugin: 'basic-auth',
  guards: true,
  read(config, site) {
    const hides = config.flag('hide_credentials', { ours: 'methods[].basic.forwardCredential' }) ?? false;
    const realm = realmIn(config, 'methods[].basic.realm') ?? 'service';
    config.lost(
      'anonymous',
      'nobody is let in without a password: anonymousPaths of an AuthenticationPolicy names paths',
    );
    config.lost('brute_force_protection', 'a RateLimitPolicy with a key of type ClientAddress slows down who tries');
    const usable = usableCredentials(config, site, FORM);
    const users = usable.map(
      ({ data: { username, password = '' } }) =>
        `${username}:{SHA}${createHash('sha1').update(password).digest('base64')}`,
    );
    const secret = ownSecret(
      { namespace: site.namespace, name: secretName(site, 'users') },
      { auth: users.join('\n') },
    );
    const secretRef = { group: '', kind: 'Secret', name: secret.metadata.name };
    const basic = { secretRef, format: 'AuthFile' as const, realm, forwardCredential: !hides };
    const lines = consumerLines(config, usable, { claim: 'sub', valueOf: ({ data }) => FORM.idOf(data) });
    return {
      policies: { AuthenticationPolicy: { methods: [{ name: 'basic-auth', basic }], ...lines } },
      secrets: users.length === 0 ? [] : [secret],
    };
  },
};
