// What a command runs in: its streams, its voice and the way to a GPU. Types, and the error of a
// voice that nobody hears. The process has its own surroundings, each test too.
import type { Gpu, GpuOptions } from "../../gpu/device.ts";

/** Why text no longer reaches a stream. */
export interface StreamFault {
  /**
   * The reader is gone (a closed pipe or terminal); otherwise the stream is full or cannot be
   * written.
   */
  readonly closed: boolean;
  /** In words for a person. */
  readonly reason: string;
}

/** A destination of text. Writing never throws; `fault` holds the error. */
export interface TextStream {
  readonly write: (text: string) => unknown;
  readonly isTTY?: boolean;
  /** Width of the terminal in columns, as it is now. */
  readonly columns?: number | undefined;
  /** Null or absent as long as writing works; afterwards text is dropped. */
  readonly fault?: () => StreamFault | null;
  /** Waits until all text was written or has failed. */
  readonly flush?: () => Promise<void>;
  /** Finds out early whether text can be written, without writing any. */
  readonly probe?: () => void;
}

/** Everything that a command uses outside itself. */
export interface Surroundings {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  readonly openGpu: (options: GpuOptions) => Promise<Gpu>;
}

/** The output of one command. */
export interface Output {
  /** A line for people, on stdout, or on stderr where stdout is for JSON. */
  readonly say: (line: string) => void;
  /** A line for people, in red on a terminal that shows colours. */
  readonly alert: (line: string) => void;
  /** A warning, on stderr. */
  readonly warn: (line: string) => void;
  /**
   * Progress of long work: on a terminal it replaces the previous line, elsewhere it is a plain
   * line, and only at milestones.
   */
  readonly progress: (line: string, milestone: boolean) => void;
  /** The result: `value` as JSON if requested, else `lines`. */
  readonly result: (value: unknown, lines: readonly string[]) => void;
}

/** Nobody can receive the report of a command, so there is no need to make it. */
export class LostReaderError extends Error {
  override name = "LostReaderError";
}
