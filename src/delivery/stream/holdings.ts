/** What a data plane says it holds of a config: `kind/key` to the object's canonical hash. */
export type Holdings = ReadonlyMap<string, string>;
