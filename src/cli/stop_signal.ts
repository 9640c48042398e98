// SIGINT and SIGTERM during training: the first asks for a checkpoint and the end, the second ends
// at once. Outside of training signals do what they always do.
import { EXIT } from "./exit_code.ts";
import type { Output } from "./output.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Listens for signals until `release`. */
export interface StopSignal {
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal came, else 0. */
  readonly exitCode: () => number;
  readonly release: () => void;
}

/** Starts to listen; the first signal aborts `signal`, the second exits the process. */
export function listenForStop(output: Output): StopSignal {
  const controller = new AbortController();
  let exitCode: number = EXIT.fine;
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      if (controller.signal.aborted) process.exit(EXIT[name]);
      exitCode = EXIT[name];
      output.warn(`${name}: a checkpoint is written after this step; once more to stop at once`);
      controller.abort();
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    release: () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}
