/** The files of which one worker sees that they do not become too many: by policy, each with its size, the one used last at the end. */

/** Most files of a worker: of each some hundred bytes are known. */
export const MAX_INDEXED_FILES: number = 65_536;
/** What a file takes of a disk besides its bytes: blocks are rounded up, and its name stands somewhere. */
export const FILE_OVERHEAD: number = 4_096;

export interface IndexedFile {
  /** Digest of the policy, and the name. */
  readonly policy: string;
  readonly name: string;
}

/** `length`: of one that was known. */
export interface RemovedFile extends IndexedFile {
  readonly length: number | undefined;
}

export class FileIndex {
  bytes = 0;
  readonly #files = new Map<string, number>();
  readonly #policies = new Map<string, { bytes: number; files: Set<string> }>();

  get size(): number {
    return this.#files.size;
  }

  bytesOf(policy: string): number {
    return this.#policies.get(policy)?.bytes ?? 0;
  }

  filesOf(policy: string): number {
    return this.#policies.get(policy)?.files.size ?? 0;
  }

  lengthOf({ policy, name }: IndexedFile): number | undefined {
    const size = this.#files.get(`${policy}/${name}`);
    return size === undefined ? undefined : size - FILE_OVERHEAD;
  }

  add({ policy, name }: IndexedFile, length: number): void {
    this.remove({ policy, name });
    const size = length + FILE_OVERHEAD;
    this.#files.set(`${policy}/${name}`, size);
    let own = this.#policies.get(policy);
    if (own === undefined) this.#policies.set(policy, (own = { bytes: 0, files: new Set() }));
    own.files.add(name);
    own.bytes += size;
    this.bytes += size;
  }

  /** It was used: others go before it. */
  touch({ policy, name }: IndexedFile): void {
    const id = `${policy}/${name}`;
    const size = this.#files.get(id);
    if (size === undefined) return;
    this.#files.delete(id);
    this.#files.set(id, size);
    const { files } = this.#policies.get(policy)!;
    files.delete(name);
    files.add(name);
  }

  remove({ policy, name }: IndexedFile): void {
    const id = `${policy}/${name}`;
    const size = this.#files.get(id);
    if (size === undefined) return;
    this.#files.delete(id);
    this.bytes -= size;
    const own = this.#policies.get(policy)!;
    own.files.delete(name);
    own.bytes -= size;
    if (own.files.size === 0) this.#policies.delete(policy);
  }

  /** Takes out what was used least lately until there is room for so many bytes more. */
  makeRoom(
    policy: string,
    length: number,
    { most, mostOfPolicy }: { most: number; mostOfPolicy: number },
  ): RemovedFile[] {
    const size = length + FILE_OVERHEAD;
    const gone: RemovedFile[] = [];
    const take = (file: IndexedFile): void => {
      gone.push({ ...file, length: this.lengthOf(file) });
      this.remove(file);
    };
    while (this.bytesOf(policy) + size > mostOfPolicy && this.filesOf(policy) > 0) {
      const [name] = this.#policies.get(policy)!.files;
      take({ policy, name: name! });
    }
    while ((this.bytes + size > most || this.size >= MAX_INDEXED_FILES) && this.size > 0) {
      const [id] = this.#files.keys();
      const [owner, name] = id!.split('/') as [string, string];
      take({ policy: owner, name });
    }
    return gone;
  }
}
