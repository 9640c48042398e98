// Where the text of a command goes.

/** Why text no longer reaches a stream. */
export interface StreamFault {
  /** Whoever read it has gone: a closed pipe or terminal. Else it is full or cannot be written. */
  readonly closed: boolean;
  /** In words for a person. */
  readonly reason: string;
}

/** Where text goes. Writing never throws: what went wrong is in `fault`. */
export interface TextStream {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal in columns, as it is now. */
  readonly columns?: number | undefined;
  /** Null, or left out, while text arrives; later text is dropped. */
  readonly fault?: () => StreamFault | null;
  /** Waits until all text has arrived, or is known not to. */
  readonly flush?: () => Promise<void>;
  /** Finds out early whether text can arrive, without writing any. */
  readonly probe?: () => void;
}
