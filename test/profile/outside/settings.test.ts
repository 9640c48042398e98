// The sidecar of a shader: each fault is refused with its file and key.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readSidecar } from "../../../src/profile/outside/settings.ts";
import { InputError } from "../../../src/tensor/error.ts";

const folder = mkdtempSync(join(tmpdir(), "ringdepth-sidecar-"));
afterAll(() => rmSync(folder, { recursive: true }));
const shader = join(folder, "saxpy.wgsl");

/** What reading a sidecar with this text throws. */
async function faultOf(text: string): Promise<string> {
  writeFileSync(join(folder, "saxpy.json"), text);
  const error: unknown = await readSidecar(shader).then(
    () => null,
    (one: unknown) => one,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message.replace(`${folder}/`, "");
}

test.each([
  ["truncated", '{"entry": "ma', "saxpy.json: not valid JSON: line 1, column 11"],
  ["unknown key", '{"entri": "main"}', 'saxpy.json: Unrecognized key: "entri"'],
  ["key twice", '{"grid": [3], "grid": [4]}', 'saxpy.json: key "grid" appears twice'],
  ["not a number", '{"values": {"n": NaN}}', "saxpy.json: not valid JSON"],
  ["not an object", "[1]", "saxpy.json: Invalid input"],
  ["wrong type", '{"grid": "x"}', "saxpy.json: grid: Invalid input"],
  ["four axes", '{"threads": [1, 1, 1, 1]}', "saxpy.json: threads: Too big"],
  ["negative tolerance", '{"tolerance": {"rtol": -1, "atol": 0}}', "saxpy.json: tolerance.rtol"],
  [
    "data of an unknown kind",
    '{"buffers": {"x": {"data": "noise"}}}',
    "saxpy.json: buffers.x.data: expected random, zeros, index or FILE.npy",
  ],
  [
    "a path out of the folder",
    '{"buffers": {"x": {"data": "../x.npy"}}}',
    "saxpy.json: buffers.x.data: name a file in the folder of",
  ],
  [
    "an absolute path",
    '{"reference": {"y": "/tmp/y.npy"}}',
    "saxpy.json: reference.y: name a file in the folder of",
  ],
])("%s is refused", async (_, text, message) => {
  expect(await faultOf(text)).toContain(message);
});

test("a shader without a sidecar has no settings; files are named from the folder of the command", async () => {
  expect(await readSidecar(join(folder, "other.wgsl"))).toBeNull();
  writeFileSync(join(folder, "saxpy.json"), '{"buffers": {"x": {"data": "x.npy"}}}');
  expect((await readSidecar(shader))?.buffers).toEqual({ x: { data: join(folder, "x.npy") } });
});
