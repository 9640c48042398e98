// What was mistyped is named, with where to look, before the adapter is opened; and no text of the
// command line reaches the terminal as a control character.
import { expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { GpuValidationError, NoAdapterError } from "../../src/gpu/errors.ts";
import { gpu } from "../support/gpu.ts";
import { cli, type CliRun } from "./run.ts";
import { reportError } from "../../src/cli/terminal/report_error.ts";

/** Runs the program where opening the adapter is a failure of the test. */
async function usage(...args: string[]): Promise<CliRun> {
  const written = { stdout: "", stderr: "" };
  const code = await runCli(args, {
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    openGpu: () => expect.fail("the adapter was opened"),
  });
  return { code, ...written };
}

test.each([
  [["eval", "--checkpont", "x"], "unknown option '--checkpont' (Did you mean --checkpoint?)"],
  [["predict", "--chekpoint=x"], "unknown option '--chekpoint' (Did you mean --checkpoint?)"],
  [["eval", "--data"], "option '--data <source>' argument missing"],
  [["train", "--lr", "1e-3"], "(optimizer.learning_rate is a key of the YAML file that --config"],
  [["train", "--weight-decay", "0"], "(optimizer.weight_decay is a key of the YAML file that"],
  [
    ["train", "--batch-size", "4"],
    "a step trains on one moment of the whole rig; --steps sets the number of steps",
  ],
  [["tune", "--bins=64"], "(head.bins is a key of the YAML file that --config names)"],
  [["profile", "--tresh", "3"], "unknown option '--tresh' (Did you mean --threshold?)"],
  [["bench", "bins", "--qiuck"], "unknown option '--qiuck' (Did you mean --quick?)"],
  [["check", "--zzzzzz"], "unknown option '--zzzzzz'"],
  [["bench", "bns"], "unknown command 'bns' (Did you mean bins?)"],
  [["profile", "gemmm"], 'no kernel matches "gemmm"; similar names: gemm'],
  [["profile", "--ab", "gemm", "nope"], 'no kernel matches "nope"'],
  [["profile", "--ab", "gemm"], "--ab takes two kernels"],
  [["profile", "gemm", "--baseline", "never_saved"], "never_saved.json: no such saved profile"],
  [["profile", "gemm", "--data", "none.npy"], "--data none.npy: no such file"],
  [["check", "gemm\u001b[2J"], 'no kernel matches "gemm'],
  [["train", "--\u001b]0;evil\u0007"], "unknown option '--"],
  [["bench", "\u001b[31mbins"], "unknown command"],
  [["profile", "show", "\r\u001b[K"], "a name may have letters, digits"],
])("%j is one clear line and exit code 2", async (args, line) => {
  const { code, stdout, stderr } = await usage(...args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  // oxlint-disable-next-line eslint/no-control-regex -- these are what is looked for
  expect(stderr).toMatch(/^ringdepth: [^\u0000-\u001f\u007f-\u009f]*\n$/);
  expect(stderr).toContain(line);
});

test("help of a subcommand is that subcommand's own", async () => {
  const { code, stdout } = await usage("help", "bench", "bins");
  expect(code).toBe(0);
  expect(stdout).toBe((await usage("bench", "bins", "--help")).stdout);
  expect(stdout).toContain("Usage: ringdepth bench bins");
  expect((await usage("help", "bench")).stdout).toContain("Usage: ringdepth bench ");
});

test.each([
  ["help", "nope"],
  ["help", "bench", "nope"],
])("%s %s %s is refused by the name that is no command", async (...args) => {
  const { code, stdout, stderr } = await usage(...args);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toBe("ringdepth: unknown command 'nope'\n");
});

test("a shape beyond what the adapter binds is refused by tensor and bytes", async () => {
  const most = gpu.limits.maxStorageBufferBindingSize;
  const { code, stderr } = await cli("profile", "scale_by", "--shape", `x=${most / 4}`);
  expect(code).toBe(2);
  expect(stderr).toContain(`x [${most / 4}] takes ${most} bytes; ${gpu.facts.name} binds at most`);
});

test.each([
  [new NoAdapterError("a\u001b[2Jb\nc"), 4],
  [new GpuValidationError("a\u001b[2Jb\nc"), 3],
])("of an error %s no control character is shown", (error, exit) => {
  let text = "";
  expect(reportError(error, { write: (part) => (text += part) })).toBe(exit);
  expect(text).toContain("a\\u001b[2Jb c\n");
});

test("nor of a fault of the program, whose stack keeps its lines", () => {
  let text = "";
  reportError(new Error("a\u001b[2Jb"), { write: (part) => (text += part) });
  expect(text).not.toContain("\u001b");
  expect(text.split("\n").length).toBeGreaterThan(3);
});
