// Compiling shows how far it is once it takes more than a second, on a terminal and in a pipe.
import { expect, test } from "vitest";
import { makeOutput } from "../../../src/cli/terminal/output.ts";
import { pipelineProgress } from "../../../src/cli/terminal/pipeline_progress.ts";

/** What is written while 8 kernels are compiled and run, each in `each_ms`. */
function shown(isTTY: boolean, each_ms: number): string[] {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text), isTTY, columns: 80 };
  const openGpu = (): never => expect.fail("needs no device");
  const output = makeOutput({ stdout: stream, stderr: stream, openGpu }, false);
  let now_ms = 5;
  const watch = pipelineProgress(output, () => now_ms);
  for (const stage of ["compiled", "run"] as const) {
    for (let ready = 1; ready <= 8; ready++) {
      now_ms += each_ms;
      watch(stage, ready, 8);
    }
  }
  return written;
}

test("in a pipe there are at most four lines per stage", () => {
  const [compiling, running] = ["compiling kernels", "first step, which compiles kernels"];
  const lines = (text: string): string[] => [4, 6, 8].map((n) => `${text}: ${n} of 8\n`);
  expect(shown(false, 500)).toEqual([
    `${compiling}: 3 of 8\n`,
    ...lines(compiling),
    `${running}: 3 of 8\n`,
    ...lines(running),
  ]);
});

test("a terminal shows each kernel on one line", () => {
  const written = shown(true, 2000);
  expect(written).toHaveLength(14);
  expect(written[0]).toContain("compiling kernels: 2 of 8");
  expect(written.join("")).not.toContain("\n");
});

test("what takes less than a second is not shown", () => {
  expect(shown(false, 100)).toEqual([]);
  expect(shown(true, 100)).toEqual([]);
});
