/** `--acme` and what goes with it: certificates from an authority. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import type { GatewayOptions } from './gateway.ts';
import { usage } from './option.ts';

export interface AcmeFlags {
  acme?: boolean;
  acmeDirectory: string;
  acmeEmail?: string;
  acmeFolder?: string;
  acmeCaFile?: string;
}

/** Let's Encrypt's. */
const DIRECTORIES: Readonly<Record<string, string>> = {
  production: 'https://acme-v02.api.letsencrypt.org/directory',
  staging: 'https://acme-staging-v02.api.letsencrypt.org/directory',
};

export function acmeOptions(): Option[] {
  return [
    new Option(
      '--acme',
      'obtain the certificates that listeners lack from an authority (and agree to its terms of service)',
    ),
    new Option('--acme-directory <url>', "the authority: an ACME directory, or Let's Encrypt's production or staging")
      .argParser(usage((text) => directory(text)))
      .default(DIRECTORIES.production, 'production'),
    new Option('--acme-email <address>', 'where the authority may write').argParser(usage((text) => email(text))),
    new Option(
      '--acme-folder <path>',
      'where certificates and keys are kept (default: acme in $STATE_DIRECTORY, $XDG_STATE_HOME/daemun, ~/.local/state/daemun, or /var/lib/daemun without a home)',
    ),
    new Option(
      '--acme-ca-file <file>',
      "CA certificates that the authority's own TLS is verified against (default: the public ones)",
    ).argParser(usage((path) => readFileSync(path, 'utf8'))),
  ];
}

/** Without --acme, Gateways may ask for it one by one. */
export function acmeOf(flags: AcmeFlags): NonNullable<GatewayOptions['acme']> {
  const { acme = false, acmeDirectory, acmeEmail, acmeFolder, acmeCaFile: ca } = flags;
  return {
    everywhere: acme,
    directory: acmeDirectory,
    folder: acmeFolder ?? defaultFolder(process.env),
    ...(acmeEmail === undefined ? {} : { email: acmeEmail }),
    ...(ca === undefined ? {} : { ca }),
  };
}

/** systemd makes the first of these, and says where it is. */
function defaultFolder({ STATE_DIRECTORY, XDG_STATE_HOME }: NodeJS.ProcessEnv): string {
  const [given] = (STATE_DIRECTORY ?? '').split(':');
  return join(given || join(XDG_STATE_HOME || stateHome(), 'daemun'), 'acme');
}

/** A user without a home, as systemd makes one for a service, has the machine's own place. */
function stateHome(): string {
  try {
    return join(homedir(), '.local/state');
  } catch {
    return '/var/lib';
  }
}

function directory(text: string): string {
  const url = DIRECTORIES[text] ?? text;
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:') {
    throw new Error(`"${text}" is neither production nor staging nor the https:// URL of an ACME directory`);
  }
  return url;
}

function email(text: string): string {
  if (!/^[^\s@]+@[^\s@]+$/.test(text)) throw new Error(`"${text}" is not an address such as admin@example.com`);
  return text;
}
