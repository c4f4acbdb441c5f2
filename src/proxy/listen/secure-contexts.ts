/** OpenSSL's contexts, one for each listener and what it presents, made when a connection first needs it. */
import { constants, createHash } from 'node:crypto';
import tls from 'node:tls';
import type { NeededKeys, TicketKeys } from './ticket-keys.ts';
import type { PresentedCertificates, TlsContext } from './tls-contexts.ts';
import { TLS_PROFILES } from './tls-profile.ts';
import { tlsSettings } from './tls-settings.ts';

/** What OpenSSL takes at most. */
const SESSION_CONTEXT_BYTES = 32;

/** By what is presented, then by listener. */
type Made = Map<PresentedCertificates, Map<string, tls.SecureContext>>;

export class SecureContexts {
  readonly #ticketKeys: TicketKeys;
  #made: Made = new Map();
  /** Those of the config before this one. What was not asked for between two changes is forgotten. */
  #before: Made = new Map();
  readonly #nobody: tls.SecureContext;
  /** By listener, what stands for it in `Made`: a handshake makes no text. */
  readonly #keys = new WeakMap<TlsContext, Readonly<Record<NeededKeys, string>>>();

  constructor(ticketKeys: TicketKeys) {
    this.#ticketKeys = ticketKeys;
    this.#nobody = tls.createSecureContext(TLS_PROFILES.Intermediate);
  }

  /** Has no certificate: the handshake ends with an alert. */
  get nobody(): tls.SecureContext {
    return this.#nobody;
  }

  /** The config has changed. */
  age(): void {
    this.#before = this.#made;
    this.#made = new Map();
  }

  /** `tickets`: sessions of the listener may be resumed, by whichever process of the run takes the connection. */
  of(context: TlsContext, presented: PresentedCertificates, tickets: NeededKeys): tls.SecureContext {
    let keys = this.#keys.get(context);
    if (keys === undefined) this.#keys.set(context, (keys = keysOf(context)));
    const key = keys[tickets];
    let made = this.#made.get(presented);
    if (made === undefined) this.#made.set(presented, (made = new Map()));
    let secure = made.get(key);
    if (secure === undefined) {
      secure = this.#before.get(presented)?.get(key) ?? this.#make(context, presented, tickets);
      made.set(key, secure);
    }
    if (tickets === 'current') this.#ticketKeys.give(secure);
    return secure;
  }

  #make(
    { hostname = '', profile, own, demand }: TlsContext,
    { options }: PresentedCertificates,
    tickets: NeededKeys,
  ): tls.SecureContext {
    const settings = tlsSettings(profile, own);
    const secure = tls.createSecureContext({
      ...options,
      ...demand?.options,
      ...settings,
      secureOptions: settings.secureOptions! | (tickets === 'none' ? constants.SSL_OP_NO_TICKET : 0),
      // A session of another listener is none here: RFC 6066 wants a new one where the server name is another.
      sessionIdContext: createHash('sha256').update(hostname).digest('hex').slice(0, SESSION_CONTEXT_BYTES),
    });
    if (tickets === 'all') this.#ticketKeys.use(secure);
    return secure;
  }
}

function keysOf({ hostname = '', profile, own, demand }: TlsContext): Record<NeededKeys, string> {
  const ofAll = `${hostname} ${profile} ${demand?.key ?? ''}${own === undefined ? '' : JSON.stringify(own)}`;
  return { none: `none ${ofAll}`, current: `current ${ofAll}`, all: `all ${ofAll}` };
}
