/** What the process answers to whoever started it. */
export const EXIT = {
  ok: 0,
  /** Something was not accepted, not reachable or not served; the output says what. */
  refused: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Whoever read the output has gone: as shells tell of what SIGPIPE ended. */
  unread: 141,
} as const;
