/** `--port-map`: ports as Gateways write them to ports as this machine binds them. */

export type PortMap = ReadonlyMap<number, number>;

/** `80=18080,443=18443`. A port bound as 0 gets a free one from the system. */
export function portMap(text: string, before: PortMap = new Map()): PortMap {
  const map = new Map(before);
  for (const pair of text.split(',')) {
    const match = /^(\d{1,5})=(\d{1,5})$/.exec(pair.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2]);
    if (!match || from < 1 || from > 65535 || to > 65535) {
      throw new Error(`"${pair}" is not PORT=PORT, such as 80=18080`);
    }
    if (map.has(from) && map.get(from) !== to) throw new Error(`port ${from} is mapped twice`);
    map.set(from, to);
  }
  return map;
}
