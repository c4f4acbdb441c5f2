/** Which of the answers that are kept are to be forgotten, and what came of it. */

export interface CachePurge {
  /** `ResponsePolicy/namespace/name`; absent: of all. */
  policy?: string;
  /** Lower case, with a port that is not its scheme's. */
  host?: string;
  /** The path and query, or with `prefix` how they begin. */
  target?: string;
  prefix?: boolean;
  /** A request changed something: nobody asked for it. */
  byRequest?: true;
  /** Nothing is forgotten; it is said what would be. */
  dryRun?: boolean;
}

export interface CachePurged {
  /** URLs, each with all its variants. */
  urls: number;
  bytes: number;
  /** Files on the disk, where there is one, and their bytes. */
  disk?: { files: number; bytes: number };
}
