import { createHash } from 'node:crypto';
import { ownSecret } from '../ours.ts';
import { consumerLines, NO_CONSUMERS, secretName } from './consumer.ts';
import type { KongPluginKind } from './plugin.ts';

/** As a line of the file begins: white space at the ends is none of it, and `#` begins a comment. */
const NAME = /^(?![\s#])[^:\p{Cc}]+(?<!\s)$/u;

export const basicAuth: KongPluginKind = {
  plugin: 'basic-auth',
  guards: true,
  read(config, site) {
    const hides = config.flag('hide_credentials', { ours: 'methods[].basic.forwardCredential' }) ?? false;
    const realm = config.text('realm', { ours: 'methods[].basic.realm' }) ?? 'service';
    config.lost(
      'anonymous',
      'nobody is let in without a password: anonymousPaths of an AuthenticationPolicy names paths',
    );
    config.lost('brute_force_protection', 'a RateLimitPolicy with a key of type ClientAddress slows down who tries');
    const users = site.credentials('basic-auth').flatMap(({ consumer, data: { username = '', password = '' } }) => {
      if (password === '' || !NAME.test(username)) {
        const why = `the basic-auth credential of ${consumer} has no password, or a name that a file of passwords cannot hold: it lets nobody in`;
        config.findings.push({ field: config.at('plugin'), fate: 'Differs', why });
        return [];
      }
      return [`${username}:{SHA}${createHash('sha1').update(password).digest('base64')}`];
    });
    if (users.length === 0) config.refuse('plugin', NO_CONSUMERS);
    const secret = ownSecret(
      { namespace: site.namespace, name: secretName(site, 'users') },
      { auth: users.join('\n') },
    );
    const secretRef = { group: '', kind: 'Secret', name: secret.metadata.name };
    const basic = { secretRef, format: 'AuthFile' as const, realm, forwardCredential: !hides };
    return {
      policies: { AuthenticationPolicy: { methods: [{ name: 'basic-auth', basic }], ...consumerLines('sub') } },
      secrets: users.length === 0 ? [] : [secret],
    };
  },
};
