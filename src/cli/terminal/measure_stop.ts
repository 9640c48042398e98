// Signals during a measurement: the first ends it and the results so far are printed, the second
// ends the process at once.
import { InterruptedError } from "../../measure/measure.ts";
import { EXIT } from "./exit_code.ts";
import type { Output } from "./surroundings.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The state of signals during a measurement. */
export interface MeasureStop {
  readonly signal: AbortSignal;
  /** 129, 130 or 143 once a signal came; null before. */
  readonly exitCode: () => number | null;
}

/**
 * Runs `work`, which prints its results so far once `signal` aborts. Returns its exit code, or the
 * code of the signal if there was one. If nothing was measured by then, one line says so.
 */
export async function stoppable(
  output: Output,
  work: (stop: MeasureStop) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  let code: number | null = null;
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      if (code !== null) process.exit(EXIT[name]);
      code = EXIT[name];
      output.warn(`${name}: printing what was measured so far; send it again to stop at once`);
      controller.abort();
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  try {
    const own = await work({ signal: controller.signal, exitCode: () => code });
    return code ?? own;
  } catch (error) {
    if (!(error instanceof InterruptedError) || code === null) throw error;
    output.warn("interrupted before anything was measured");
    return code;
  } finally {
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}

/** The line about a partial result. */
export function interruptedLine(done: number, all: number, what: string): string {
  return `interrupted: ${done} of ${all} ${what} measured; no file was written`;
}
