// A signal while the modules of the program load: its line and its exit code, as later.
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
