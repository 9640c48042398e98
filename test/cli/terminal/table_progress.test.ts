// The tables of a large set show their progress in every command that opens data.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runCli } from "../../../src/cli/program.ts";
import { makeOutput } from "../../../src/cli/terminal/output.ts";
import { tableProgress } from "../../../src/cli/terminal/table_progress.ts";
import { writeNuscenes } from "../../data/nuscenes/nuscenes_fixture.ts";

/** Surroundings that keep what is written, on a terminal or not. */
function kept(isTTY: boolean) {
  const written: string[] = [];
  const stream = { write: (text: string) => written.push(text), isTTY, columns: 80 };
  const openGpu = (): never => {
    throw new Error("this command needs no device");
  };
  return { written, surroundings: { stdout: stream, stderr: stream, openGpu } };
}

test("plain lines come every 256 MiB of a table, and none for small tables", () => {
  const { written, surroundings } = kept(false);
  const onProgress = tableProgress(makeOutput(surroundings, false));
  const total = 700 * 2 ** 20;
  onProgress("scene", 1000, 1000);
  for (let read = 0; read <= total; read += 4 * 2 ** 20) onProgress("ego_pose", read, total);
  expect(written).toEqual([
    "reading ego_pose.json: 256/700 MiB\n",
    "reading ego_pose.json: 512/700 MiB\n",
  ]);
});

test("a command on a terminal names the table that it reads, and reads each once", async () => {
  vi.stubEnv("TERM", "xterm");
  const root = mkdtempSync(join(tmpdir(), "ringdepth-progress-"));
  try {
    await writeNuscenes(root);
    const { written, surroundings } = kept(true);
    expect(await runCli(["teacher", "list", "--data", `nuscenes:${root}`], surroundings)).toBe(0);
    const text = written.join("");
    expect(text).toContain("reading sensor.json: 0/0 MiB");
    // Both splits are opened.
    expect(text.split("reading ego_pose.json").length - 1).toBe(1);
  } finally {
    rmSync(root, { recursive: true });
    vi.unstubAllEnvs();
  }
});

test("every command that opens data passes a listener", () => {
  const src = join(import.meta.dirname, "../../../src/cli");
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts"),
  );
  const silent = files.filter((file) => {
    const text = readFileSync(join(src, file), "utf8");
    return /\bopen(?:Training)?(?:Source|Data)\(/.test(text) && !text.includes("tableProgress(");
  });
  // Two time the built-in rig, which has no tables; the other follows a process that prints.
  expect(silent.toSorted()).toEqual([
    join("bench", "step.ts"),
    join("bench", "whole_step.ts"),
    join("train", "following.ts"),
  ]);
});
