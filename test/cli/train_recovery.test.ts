// `train` from the command line: a device that is lost while the student is evaluated, and a second
// run in the folder of a living one.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { openGpu } from "../../src/gpu/node_device.ts";
import { runPaths } from "../../src/train/run_folder.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-recovery-"));
const config = join(root, "tiny.yaml");
writeFileSync(
  config,
  `
rig: { train_moments: 1, held_out_moments: 1 }
size: { height: 32, width: 32 }
steps: 2
head: { kind: softmax_bins, bins: 8 }
loss: { ckd: false, relation: none }
teacher: { kind: none }
`,
);
const devices: Gpu[] = [];
afterAll(() => {
  for (const gpu of devices) gpu.close();
  rmSync(root, { recursive: true });
});

/** Runs `train` on devices of its own; `onText` hears everything that is written. */
async function trainCli(
  out: string,
  onText: (text: string) => void,
): Promise<{ code: number; text: string }> {
  let text = "";
  const stream = {
    write: (more: string): void => {
      text += more;
      onText(more);
    },
  };
  const code = await runCli(["train", "--config", config, "--no-tune", "--out", out], {
    stdout: stream,
    stderr: stream,
    openGpu: async (options) => {
      const gpu = await openGpu(options);
      devices.push(gpu);
      return gpu;
    },
  });
  return { code, text };
}

test("a device lost in evaluation is replaced, and the report is written", async () => {
  const out = join(root, "lost");
  let second: Promise<{ code: number; text: string }> | null = null;
  const { code, text } = await trainCli(out, (more) => {
    if (!more.includes("evaluating") || second !== null) return;
    devices.at(-1)!.device.destroy();
    second = trainCli(out, () => undefined);
  });
  expect(text).toContain(
    "the device was lost (destroyed); continuing after step 2 on a fresh device, try 1 of 3",
  );
  expect(code).toBe(0);
  expect(readFileSync(runPaths(out).report, "utf8")).toContain("Metrics by camera");
  // Meanwhile another run was told who is at work there.
  const refused = await second!;
  expect(refused.code).toBe(2);
  expect(refused.text).toContain(`is in use by process ${process.pid} on `);
  expect(existsSync(runPaths(out).lock)).toBe(false);
});
