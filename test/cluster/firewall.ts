/** Rules of this machine's firewall, as root beside an API server of this machine; one table, that goes as a whole. */
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { findTool, succeed } from '../protocols/tool.ts';
import { output } from './kubectl.ts';

const TABLE = 'daemun_test';

interface Pod {
  spec: { hostNetwork?: boolean };
  status: { podIP?: string };
}

export class Firewall {
  readonly #nft: string;
  /** Of the API server. */
  readonly #port: string;

  private constructor(nft: string, port: string) {
    this.#nft = nft;
    this.#port = port;
  }

  /** Undefined where the API server is elsewhere, or this process may not. */
  static find(): Firewall | undefined {
    const nft = findTool('nft', 'nftables');
    const path = 'jsonpath={.clusters[0].cluster.server}';
    const { hostname, port } = new URL(execFileSync('kubectl', ['config', 'view', '--minify', '-o', path]).toString());
    const isHere = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === hostname));
    return nft !== undefined && process.getuid?.() === 0 && isHere ? new Firewall(nft, port) : undefined;
  }

  /** What controllers and data planes send to the API server; the cluster's own parts still reach it. */
  async block(how: 'drop' | 'reject with tcp reset'): Promise<void> {
    const pods = await output(['get', 'pods', '-A', '-l', 'app.kubernetes.io/name=daemun', '-o', 'json']);
    const ips = (JSON.parse(pods) as { items: Pod[] }).items.flatMap(({ spec, status }) =>
      // One on its node's network, that another test has left and that ends, has the address of the cluster's own parts.
      spec.hostNetwork || status.podIP === undefined ? [] : [status.podIP],
    );
    const rule = `ip saddr { ${ips.join(', ')} } tcp dport ${this.#port} ${how}`;
    await this.#put([`chain input {\n type filter hook input priority -10\n ${rule}\n }`]);
  }

  /** What leaves from other places than 127.0.0.2 for a port of the loopback goes to another one; what was open is cut. */
  async lead(from: number, to: number): Promise<void> {
    const others = `ip saddr != 127.0.0.2 ip daddr 127.0.0.1 tcp dport ${from}`;
    await this.#put([
      `chain lead {\n type nat hook output priority -100\n ${others} redirect to :${to}\n }`,
      `chain cut {\n type filter hook output priority 0\n ${others} reject with tcp reset\n }`,
    ]);
  }

  async reopen(): Promise<void> {
    await this.#run(`table ip ${TABLE}\ndelete table ip ${TABLE}\n`);
  }

  async #put(chains: string[]): Promise<void> {
    await this.reopen();
    await this.#run(`table ip ${TABLE} {\n ${chains.join('\n ')}\n}\n`);
  }

  async #run(input: string): Promise<void> {
    await succeed(this.#nft, ['-f', '-'], { input });
  }
}
