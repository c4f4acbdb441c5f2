/** `daemun proxy`: one line instead of manifests. */
import { Command, Option } from 'commander';
import { visibleText } from '../../value/visible-text.ts';
import { type AcmeFlags, acmeOf, acmeOptions } from '../acme-flag.ts';
import { ipAddress } from '../address.ts';
import { type AdminFlags, adminOptions, adminSetup } from '../admin-option.ts';
import { afterOptions } from '../after-options.ts';
import { bindingOf } from '../every-address.ts';
import { each, usage } from '../option.ts';
import { type PortMap, portMap } from '../port-map.ts';
import { type ProxiedSite, parseSite } from '../proxy/proxied-site.ts';
import { Signals } from '../signal.ts';

interface ProxyFlags extends AdminFlags, AcmeFlags {
  tls?: string;
  print?: boolean;
  portMap?: PortMap;
  bind?: string[];
}

const EXAMPLES = `
Examples:
  $ daemun proxy shop.example.com=127.0.0.1:3000
  $ daemun proxy shop.example.com=3000 shop.example.com/api=10.0.0.7:4000,10.0.0.8:4000 --tls cert.pem,key.pem
  $ daemun proxy shop.example.com=3000 --tls acme --acme-email admin@example.com
  $ daemun proxy shop.example.com=3000 --print > shop.yaml

Exit status: 0 after a drain, 1 when it cannot start, 2 for a wrong command line.`;

export function proxyCommand(): Command {
  const command = new Command('proxy')
    .summary('proxy hosts to backends without manifests')
    .description(
      'Serves hosts on port 80, or on 443 with a redirect from 80, and passes requests on. --print shows the manifests ' +
        'that say the same, to go on from.',
    )
    .argument('<host=target...>', 'HOST[/PREFIX]=TARGET[,TARGET]; a target is HOST:PORT, or a port of this machine')
    .addOption(
      new Option('--tls <how>', 'cert.pem,key.pem with a certificate for the hosts, or acme to obtain one for each'),
    )
    .addOption(new Option('--print', 'print the manifests and serve nothing'))
    .addOption(new Option('--port-map <from=to,...>', 'bind other ports than 80 and 443').argParser(usage(portMap)))
    .addOption(
      new Option('--bind <address>', 'address to listen on (repeatable; default: [::] and 0.0.0.0)').argParser(
        each(ipAddress),
      ),
    )
    .addHelpText('after', afterOptions(EXAMPLES))
    .action(async (words: string[], flags: ProxyFlags, asked: Command) => {
      const sites = asUsage(asked, () => words.map((word) => parseSite(word)));
      const { siteManifests } = await import('../proxy/site-manifests.ts');
      const { parseCertificateOption } = await import('../../sources/index.ts');
      const files = flags.tls === undefined || flags.tls === 'acme' ? [] : certificatesFor(sites, flags.tls);
      const certificates = asUsage(asked, () => files.map(parseCertificateOption));
      const tls = flags.tls === undefined ? undefined : flags.tls === 'acme' ? 'acme' : 'files';
      const manifests = asUsage(asked, () => siteManifests(sites, tls));
      if (flags.print === true) {
        const more = files.map((file) => ` --certificate ${file}`).join('');
        process.stdout.write(`# daemun run -f FILE${visibleText(more)}\n${manifests}`);
        return;
      }
      const signals = new Signals({ hangUp: 'drain' });
      const { serve } = await import('../serve.ts');
      const { addresses: bind, note } = await bindingOf(flags.bind);
      await serve({ ...serving({ ...flags, bind }, asked), note, manifests, certificates, signals });
    });
  for (const option of [...acmeOptions().filter(({ long }) => long !== '--acme'), ...adminOptions()]) {
    command.addOption(option);
  }
  return command;
}

/** Milliseconds that requests may take to finish at the end. */
const DRAIN_TIMEOUT = 30_000;

function serving(flags: ProxyFlags & { bind: string[] }, command: Command) {
  return {
    paths: [],
    setup: {
      bind: flags.bind,
      portMap: [...(flags.portMap ?? [])],
      trustedHops: [],
      loopbackNames: 'refused' as const,
      via: false,
      accessLog: 'text' as const,
    },
    workers: 1,
    endpoints: [],
    echoBackends: false,
    acme: acmeOf(flags),
    admin: adminSetup(flags, command),
    drainTimeout: DRAIN_TIMEOUT,
    logLevel: 'info' as const,
    logFormat: 'text' as const,
  };
}

/** One certificate for all: it must be for each host that is named. */
function certificatesFor(sites: ReadonlyArray<ProxiedSite>, files: string): string[] {
  const hosts = [...new Set(sites.map(({ host }) => host))];
  return hosts.map((host) => (host === undefined ? files : `${host}=${files}`));
}

function asUsage<T>(command: Command, read: () => T): T {
  try {
    return read();
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}
