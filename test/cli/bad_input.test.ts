// Bad input, through the program: one clear line that names the file, and exit code 2.
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeNpy } from "../../src/formats/npy.ts";
import { DGP_FILES, writeDgp } from "../data/dgp_fixture.ts";
import { ramp, writeFolder } from "./folder_fixture.ts";
import { cli } from "./run.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ringdepth-bad-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Trains on `data` and returns the one line on stderr. */
async function trainError(data: string): Promise<string> {
  const out = join(root, "run");
  const small = ["--size", "32x64", "--steps", "1", "--out", out];
  const { code, stderr } = await cli("train", "--data", data, ...small);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ringdepth: [^\n]+\n$/);
  return stderr;
}

test("a folder that is missing", async () => {
  const data = join(root, "nowhere");
  expect(await trainError(`ddad:${data}`)).toContain(data);
  expect(await trainError(`folder:${data}`)).toContain(data);
});

test("a kind of data that is unknown", async () => {
  expect(await trainError("kitti:here")).toContain(
    "expected rig, ddad:PATH, nuscenes:PATH or folder:PATH",
  );
});

test("a broken JPEG", async () => {
  await writeFolder(root, true);
  const image = join(root, "images", "m0", "rear.jpg");
  truncateSync(image, 300);
  expect(await trainError(`folder:${root}`)).toContain(image);
});

test("a LiDAR file cut short", async () => {
  await writeDgp(root);
  const cloud = join(root, DGP_FILES.cloud);
  truncateSync(cloud, readFileSync(cloud).length - 40);
  expect(await trainError(`ddad:${root}`)).toContain(cloud);
});

test("a camera that the calibration does not know", async () => {
  await writeDgp(root);
  const scene = join(root, DGP_FILES.scene);
  const text = readFileSync(scene, "utf8").replaceAll("CAMERA_09", "CAMERA_99");
  writeFileSync(scene, text);
  expect(await trainError(`ddad:${root}`)).toContain("unknown camera CAMERA_99");
});

test("a NaN in a depth map", async () => {
  await writeFolder(root, true);
  const depth = join(root, "depth", "m0", "front.npy");
  writeFileSync(depth, writeNpy(ramp().fill(Number.NaN, 70, 71), [32, 64]));
  const line = await trainError(`folder:${root}`);
  expect(line).toContain(depth);
  expect(line).toContain("row 1, column 6");
});

test("a size that is not a multiple of 32", async () => {
  const { code, stderr } = await cli("train", "--size", "90x160");
  expect(code).toBe(2);
  expect(stderr).toBe(
    "ringdepth: size 90x160: height and width must be multiples of 32, such as 96x160\n",
  );
});

test("a configuration key misspelt", async () => {
  const config = join(root, "run.yaml");
  writeFileSync(config, "stepz: 5\n");
  const { code, stderr } = await cli("train", "--config", config);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ringdepth: .*run\.yaml: unknown key "stepz"; known keys: data, .*\n$/);
});

test("a folder without depth, for training", async () => {
  await writeFolder(root, false);
  expect(await trainError(`folder:${root}`)).toContain("no depth to learn from");
});

test("a checkpoint that is none", async () => {
  const file = join(root, "student.safetensors");
  writeFileSync(file, "something else entirely");
  const { code, stderr } = await cli("eval", "--checkpoint", file);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^ringdepth: [^\n]+\n$/);
  expect(stderr).toContain(file);
});
