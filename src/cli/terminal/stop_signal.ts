// SIGINT, SIGTERM and SIGHUP during a run. Before the first step a signal ends the program at once;
// during training the first one asks for a checkpoint and the end, the second one ends at once;
// after training, the student is kept and the rest is skipped. Measurements handle them in
// measure_stop.ts. For the other commands tools/ringdepth.js ends the program at once.
import { EXIT } from "./exit_code.ts";
import type { Output } from "./surroundings.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Listens for signals until `release`. */
export interface StopSignal {
  /** Aborted by the first signal during training. */
  readonly signal: AbortSignal;
  /** 129, 130 or 143 once a signal came, else 0. */
  readonly exitCode: () => number;
  /** Training begins: from now on a signal asks for a checkpoint. */
  readonly startTraining: () => void;
  /** Training is over: from now on a signal calls `onStop` and ends the program. */
  readonly endTraining: (onStop: (exitCode: number) => void) => void;
  readonly release: () => void;
}

/** Starts to listen; `exit` ends the program, and `then` says what the first signal does in training. */
export function listenForStop(
  output: Pick<Output, "warn">,
  exit: (exitCode: number) => void = (exitCode) => process.exit(exitCode),
  then = "writing a checkpoint after this step; send it again to stop at once",
): StopSignal {
  const controller = new AbortController();
  let exitCode: number = EXIT.fine;
  let isTraining = false;
  let stopNow = (_exitCode: number): void => {};
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      const isSecond = exitCode !== EXIT.fine;
      exitCode = EXIT[name];
      if (isTraining && !isSecond) {
        output.warn(`${name}: ${then}`);
        controller.abort();
        return;
      }
      if (!isSecond) {
        output.warn(`${name}: stopped`);
        stopNow(exitCode);
      }
      exit(exitCode);
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  return {
    signal: controller.signal,
    exitCode: () => exitCode,
    startTraining: () => {
      isTraining = true;
    },
    endTraining: (onStop) => {
      isTraining = false;
      stopNow = onStop;
    },
    release: () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    },
  };
}
