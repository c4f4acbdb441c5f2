/** Certificates from an authority that speaks ACME: challenges, orders, storage, renewal. */
import type { Log } from '../observe/index.ts';
import { AcmeAuthority, type AuthoritySettings } from './authority.ts';
import { CertificateFolder } from './certificate-folder.ts';
import { ChallengeBoard } from './challenge-board.ts';
import { Obtainer } from './obtainer.ts';

export interface AcmeSettings extends AuthoritySettings {
  /** Where certificates, their keys and the account's key are kept. */
  folder: string;
}

export interface Acme {
  board: ChallengeBoard;
  obtainer: Obtainer;
}

/** Does nothing before it is told what is wanted. */
export function openAcme({ folder: path, ...settings }: AcmeSettings, log: Log): Acme {
  const board = new ChallengeBoard();
  const folder = new CertificateFolder(path, settings.directory);
  const source = new AcmeAuthority(settings, folder, board);
  return { board, obtainer: new Obtainer({ source, folder, board, log }) };
}
