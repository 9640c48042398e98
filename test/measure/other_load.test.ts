// The processor time of others: a program beside this one shows, what this one does itself does not.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { expect, test } from "vitest";
import { watchOthers } from "../../src/measure/other_load.ts";

function busy(time_ms: number): void {
  const end = performance.now() + time_ms;
  while (performance.now() < end);
}

test("another program shows as its share of the cores, this one does not", async () => {
  const child = spawn(process.execPath, ["-e", "for (;;);"]);
  try {
    await new Promise((resolve) => child.once("spawn", resolve));
    const others = watchOthers();
    busy(500);
    const share = others();
    // Whoever else runs here can take more, never less than what the scheduler gives an equal.
    expect(share).toBeGreaterThan(0.2 / cpus().length);
    expect(share).toBeLessThanOrEqual(1);
  } finally {
    child.kill();
  }
});
