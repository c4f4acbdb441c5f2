/** Who a token belongs to. */
export interface Identity {
  /** `namespace/name` of the Gateway whose config it gets. */
  gateway: string;
  /** The pod that the token is bound to; absent: what the data plane says counts. */
  proxy?: string;
}

/** Answers who a token belongs to; throws a StreamRefusal where nobody may have it. `from`: the address it came from. */
export type Authenticate = (token: string, from: string) => Promise<Identity>;
