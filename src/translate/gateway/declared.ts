import type { Gateway, GatewayListener, ListenerSet } from '../../api/index.ts';
import type { Aged } from '../precedence.ts';
import { issuersAsked } from './issuer.ts';

/** A listener as its Gateway or ListenerSet declares it, before anything is judged. */
export interface DeclaredListener {
  /** Key of the config Listener. */
  key: string;
  /** `namespace/name` of the Gateway. */
  gateway: string;
  owner: ListenerOwner;
  position: number;
  /** Of the owner. */
  generation?: number;
  /** Issuers that the owner's annotations ask cert-manager for. */
  issuers: ReadonlyArray<string>;
  spec: GatewayListener;
}

export interface ListenerOwner extends Aged {
  kind: 'Gateway' | 'ListenerSet';
}

/** `Gateway/namespace/name`: under which routes look for the listeners of what they refer to. */
export function ownerKey({ kind, namespace, name }: Pick<ListenerOwner, 'kind' | 'namespace' | 'name'>): string {
  return `${kind}/${namespace}/${name}`;
}

export function listenersOf(object: Gateway | ListenerSet, gateway: string): DeclaredListener[] {
  const { namespace = '', name, creationTimestamp = '', generation } = object.metadata;
  const issuers = issuersAsked(object.metadata.annotations);
  const owner: ListenerOwner = { kind: object.kind, namespace, name, created: creationTimestamp };
  const prefix = object.kind === 'Gateway' ? gateway : `${gateway}/${namespace}/${name}`;
  return object.spec.listeners.map((spec, position) => ({
    key: `${prefix}/${spec.name}`,
    gateway,
    owner,
    position,
    generation,
    issuers,
    spec,
  }));
}
