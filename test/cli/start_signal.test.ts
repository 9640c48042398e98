// Signals of a command that does not handle them itself, while its modules load and later: the line
// and the exit code.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";

/** Whether a process has a handler for a signal, by its number; only Linux tells. */
function handles(pid: number, signal: number): boolean {
  const [, mask] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))!;
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

// Node itself handles the other two from its first moment on.
test.runIf(process.platform === "linux").each([
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s in the first second ends with %i", async (name, code) => {
  const child = spawn(process.execPath, ["tools/ringdepth.js", "doctor"], { stdio: "pipe" });
  let told = "";
  child.stderr.on("data", (text: Buffer) => (told += text.toString()));
  const closed = once(child, "close");
  while (child.exitCode === null && !handles(child.pid!, 1)) await setTimeout(2);
  child.kill(name);
  expect(await closed).toEqual([code, null]);
  expect(told).toBe(`ringdepth: ${name}: stopped\n`);
});

test("a signal during a check ends with its line and its exit code", async () => {
  const child = spawn(process.execPath, ["tools/ringdepth.js", "check"], { stdio: "pipe" });
  let told = "";
  child.stderr.on("data", (text: Buffer) => (told += text.toString()));
  const closed = once(child, "close");
  await once(child.stdout, "data"); // the line about the adapter
  child.kill("SIGTERM");
  expect(await closed).toEqual([143, null]);
  expect(told).toContain("ringdepth: SIGTERM: stopped\n");
});
