// Streams that close or are full: reports end quietly with the right code, and nothing is thrown.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { makeOutput } from "../../src/cli/terminal/output.ts";
import { runCli } from "../../src/cli/program.ts";
import {
  LostReaderError,
  type StreamFault,
  type Surroundings,
} from "../../src/cli/terminal/surroundings.ts";

const PROGRAM = fileURLToPath(new URL("../../tools/ringdepth.js", import.meta.url));

/** Runs a line of bash in which $R is the program; Dawn's own warnings are left out of stderr. */
async function bash(line: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, R: `${process.execPath} ${PROGRAM}` };
  const { stdout, stderr } = await promisify(execFile)("bash", ["-c", line], { env });
  return { stdout, stderr: stderr.replace(/^Warning: max.*\n/gm, "") };
}

describe.skipIf(process.platform === "win32")("a stream of the process", () => {
  test.concurrent("closed: the report ends quietly, as a program ended by SIGPIPE", async () => {
    const { stdout, stderr } = await bash('$R doctor --quick | true; echo "${PIPESTATUS[0]}"');
    expect([stdout, stderr]).toEqual(["141\n", ""]);
  });

  const full = existsSync("/dev/full") ? test.concurrent : test.concurrent.skip;
  full("full: one line and exit code 2, before anything is measured", async () => {
    const { stdout, stderr } = await bash("$R check --json 2>&1 >/dev/full; echo $?");
    expect(stdout).toBe(
      "ringdepth: stdout: cannot write: no space left on the disk; the result is not complete\n2\n",
    );
    expect(stderr).toBe("");
  });

  full("full for stderr: the result comes all the same", async () => {
    const { stdout } = await bash("$R check scale_by --json 2>/dev/full; echo $?");
    expect(stdout).toMatch(/^\{[^]*\}\n0\n$/);
  });
});

/** Surroundings whose stdout fails with `fault` once it has taken `room` writes. */
function failing(fault: StreamFault, room: number): Surroundings & { readonly text: () => string } {
  let [left, text] = [room, ""];
  return {
    stdout: {
      write: (part) => {
        if (left-- > 0) text += part;
      },
      fault: () => (left < 0 ? fault : null),
    },
    stderr: { write: (part) => (text += part) },
    openGpu: async () => await Promise.reject(new Error("no GPU here")),
    text: () => text,
  };
}

const CLOSED: StreamFault = { closed: true, reason: "" };

test("the output of a report throws once nobody reads it, that of a training never does", () => {
  const report = makeOutput(failing(CLOSED, 1), false, true);
  report.say("one");
  report.say("two");
  for (const method of [report.say, report.alert, (line: string) => report.progress(line, false)]) {
    expect(() => method("three")).toThrow(LostReaderError);
  }
  const training = makeOutput(failing(CLOSED, 1), false);
  for (const line of ["one", "two", "three"]) {
    training.say(line);
    training.progress(line, true);
    training.result(1, [line]);
  }
});

test.each([
  ["closed", CLOSED, 141, ""],
  ["full", { closed: false, reason: "the disk is full" }, 2, "ringdepth: stdout: cannot write: "],
] as const)("text that did not arrive shows in the exit code: %s", async (_, fault, code, line) => {
  const surroundings = failing(fault, 0);
  expect(await runCli(["--version"], surroundings)).toBe(code);
  expect(surroundings.text().slice(0, line.length)).toBe(line);
  if (line === "") expect(surroundings.text()).toBe("");
});
