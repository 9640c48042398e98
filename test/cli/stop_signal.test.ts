// What SIGINT, SIGTERM and SIGHUP do before, during and after training.
import { afterEach, expect, test } from "vitest";
import { listenForStop, type StopSignal } from "../../src/cli/terminal/stop_signal.ts";

const SIGNALS = [
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

let stop: StopSignal | undefined;
afterEach(() => stop?.release());

/** Listens; `happened` is what was said and done, in order. */
function listening(): { stop: StopSignal; happened: string[] } {
  const happened: string[] = [];
  const output = { warn: (line: string): unknown => happened.push(line) };
  stop = listenForStop(output, (code) => happened.push(`exit ${code}`));
  return { stop, happened };
}

test.each(SIGNALS)("%s before training ends the program with %i", (name, code) => {
  const { happened } = listening();
  process.emit(name);
  expect(happened).toEqual([`${name}: stopped`, `exit ${code}`]);
});

test.each(SIGNALS)(
  "%s during training asks for a checkpoint; once more ends with %i",
  (name, code) => {
    const { stop: signals, happened } = listening();
    signals.startTraining();
    expect(signals.exitCode()).toBe(0);
    process.emit(name);
    expect(signals.signal.aborted).toBe(true);
    expect(signals.exitCode()).toBe(code);
    expect(happened).toEqual([expect.stringContaining("writing a checkpoint after this step")]);
    process.emit("SIGTERM");
    expect(happened.slice(1)).toEqual(["exit 143"]);
  },
);

test.each(SIGNALS)("%s after training reports what there is and ends with %i", (name, code) => {
  const { stop: signals, happened } = listening();
  signals.startTraining();
  signals.endTraining((exitCode) => happened.push(`report ${exitCode}`));
  process.emit(name);
  expect(happened).toEqual([`${name}: stopped`, `report ${code}`, `exit ${code}`]);
});

test("after release a signal is no longer taken", () => {
  const before = process.listenerCount("SIGHUP");
  const { stop: signals } = listening();
  expect(process.listenerCount("SIGHUP")).toBe(before + 1);
  signals.release();
  expect(process.listenerCount("SIGHUP")).toBe(before);
});
