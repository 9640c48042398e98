// Exit codes of the commands.

/** The exit codes of commands; those above 128 are the shell's codes for signals. */
export const EXIT = {
  fine: 0,
  gate: 1,
  usage: 2,
  wrong: 3,
  noAdapter: 4,
  SIGHUP: 129,
  SIGINT: 130,
  /** The reader of the report is gone; other programs end by SIGPIPE then. */
  SIGPIPE: 141,
  SIGTERM: 143,
} as const;
