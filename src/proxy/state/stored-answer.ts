/** An answer of a backend that is kept, in memory or on a disk. */
export interface StoredAnswer {
  readonly status: number;
  /** It may be given to those of whom it is known who they are, too (RFC 9111 3.5). */
  readonly shared: boolean;
  /** Each with CRLF; without Content-Length and Age. */
  readonly lines: string;
  readonly body: Buffer;
  /** Names that Vary has, lower case, and what the request said: '' for nothing. */
  readonly vary: ReadonlyArray<readonly [name: string, value: string]>;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
  /** Seconds that it was old when it came, and when that was. */
  readonly age: number;
  readonly storedAt: number;
  /** Milliseconds of the same clock. */
  readonly freshUntil: number;
  readonly whileRevalidatedUntil: number;
  readonly ifErrorUntil: number;
  /** Header lines of the request and the answer that it came by, for when it is asked about again. */
  readonly origin: { readonly request: Record<string, string>; readonly response: Record<string, string> };
}
