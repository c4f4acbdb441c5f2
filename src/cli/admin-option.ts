/** `--admin` and what goes with it: who may read the admin API. */
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { type HostPort, hostPort, isLoopback } from './address.ts';
import { ADMIN_DEFAULT, usage } from './option.ts';

export interface AdminFlags {
  admin?: HostPort | 'off';
  adminTokenFile?: string;
  adminInsecure?: boolean;
}

/** Where the admin API listens, and for whom. */
export interface AdminSetup {
  address: HostPort;
  /** One that was not asked for may be missing where its port is taken. */
  asked: boolean;
  /** Absent: everybody who reaches the address may read. */
  token?: string;
}

/** Shorter ones can be guessed. */
const TOKEN_LEAST = 16;

export function adminOptions(): Option[] {
  return [
    new Option('--admin <host:port>', 'where the admin API listens, or off (default: 127.0.0.1:15000)').argParser(
      usage((text) => (text === 'off' ? 'off' : hostPort(text, { anyPort: true }))),
    ),
    adminTokenOption(),
    new Option(
      '--admin-insecure',
      'let --admin listen beyond this machine without a token: everybody there can read the config',
    ),
  ];
}

export function adminTokenOption(): Option {
  return new Option(
    '--admin-token-file <file>',
    'file with the token that the admin API asks for, as Authorization: Bearer (health checks need none)',
  ).argParser(usage((path) => adminToken(path)));
}

/** A usage error for an address that others can reach, with neither a token nor the leave to do without. */
export function adminSetup(flags: AdminFlags, command: Command): AdminSetup | undefined {
  const { admin, adminTokenFile: token, adminInsecure } = flags;
  if (admin === 'off') return undefined;
  const address = admin ?? ADMIN_DEFAULT;
  if (!isLoopback(address.host) && token === undefined && !adminInsecure) {
    command.error(
      `error: --admin ${address.host} can be reached from other machines: give --admin-token-file, or --admin-insecure`,
    );
  }
  return { address, asked: admin !== undefined, ...(token === undefined ? {} : { token }) };
}

/** Of a data plane in a pod: without a token, others than the pod itself are answered the probes and the metrics only. */
export function dataPlaneAdmin({ admin, adminTokenFile: token }: AdminFlags): AdminSetup | undefined {
  if (admin === 'off') return undefined;
  return { address: admin ?? ADMIN_DEFAULT, asked: true, ...(token === undefined ? {} : { token }) };
}

function adminToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (token.length < TOKEN_LEAST || !/^[\x21-\x7e]+$/.test(token)) {
    throw new Error(`${path} must hold one token of at least ${TOKEN_LEAST} printable characters, without spaces`);
  }
  return token;
}
