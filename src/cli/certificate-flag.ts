/** `--certificate`: certificates from files, for listeners whose Secret the manifests do not have. */
import { type Command, Option } from 'commander';
import type { CertificateOption } from '../sources/index.ts';
import { each } from './option.ts';

export function certificateOption(): Option {
  return new Option(
    '--certificate <host=cert.pem,key.pem>',
    'certificate for listeners that name no Secret, or one that does not exist (repeatable)',
  ).argParser(each((text) => text));
}

/** A usage error for one that cannot be read. */
export async function readCertificates(texts: string[] | undefined, command: Command): Promise<CertificateOption[]> {
  // As of --endpoint: its reader is too much to load for --help.
  const { parseCertificateOption } = await import('../sources/index.ts');
  try {
    return (texts ?? []).map(parseCertificateOption);
  } catch (error) {
    return command.error(`error: ${(error as Error).message}`);
  }
}
