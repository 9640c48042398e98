// The files of a moment: whatever data calls its moments and cameras, they stay in their folder, no
// two share a file, and files of other people are left alone.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { folded } from "../../src/formats/path_name.ts";
import { InputError } from "../../src/tensor/error.ts";
import { pictureWriter, predictionWriter } from "../../src/train/moment_files.ts";

// Drawing a panorama takes longer than all the rest together, and no name goes into it.
vi.mock("../../src/report/panorama.ts", () => ({
  panorama: async () => await Promise.resolve({ rgb: new Uint8Array(3), height: 1, width: 1 }),
}));

const refuse = (message: string): never => expect.fail(message);

const [HEIGHT, WIDTH] = [4, 8];
const SOURCE = { protocol: { name: "test", min_m: 0.1, cap_m: 80 } };
const FORWARD = [0.5, -0.5, 0.5, -0.5] as const;

/** A moment with cameras of these names and depth of `depth_m` everywhere. */
function momentOf(
  id: string,
  names: readonly string[],
  depth_m = 5,
): { sample: RigSample; depth_m: Float32Array } {
  const pixels = names.length * HEIGHT * WIDTH;
  const pinhole = { fx: 8, fy: 8, cx: 3.5, cy: 1.5, rotation: FORWARD } as const;
  const size = { height: HEIGHT, width: WIDTH };
  const sample: RigSample = {
    id,
    timestamp: "",
    cameras: names.map((name) => ({ name, ...size, ...pinhole, translation_m: [0, 0, 1.5] })),
    images: new Uint8Array(pixels * 3).fill(90),
    sparse_depth_m: new Float32Array(pixels),
    usable: new Uint8Array(pixels).fill(1),
    groundTruth: [],
  };
  return { sample, depth_m: new Float32Array(pixels).fill(depth_m) };
}

let base = "";
let out = "";
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "ringdepth-moments-"));
  out = join(base, "a", "b", "out");
  mkdirSync(join(base, "x"));
  for (const name of ["evil.png", "evil.npy", "evil_color.png"]) {
    writeFileSync(join(base, "x", name), "CANARY");
  }
});
afterEach(() => rmSync(base, { recursive: true }));

/** Files below a folder, with `/` between the parts. */
function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

const outsideFiles = (): string[] => files(base).filter((file) => !file.startsWith(`${out}/`));
const own = (folder: string): string[] =>
  files(folder).filter((file) => !file.endsWith(".ringdepth-files.json"));

const TRICKS: readonly string[] = [
  "../../../x/evil",
  "../../../../x/evil",
  "x/../../../../x/evil",
  "..\\..\\..\\x\\evil",
  "%2e%2e/%2e%2e/%2e%2e/x/evil",
  "/tmp/ringdepth-evil",
  "C:\\evil",
  "\\\\host\\share\\evil",
  "..",
  ".",
  "",
  "./evil",
  "a/b",
  "evil\u0000.txt",
  "evil\nname",
  "\u001b]0;evil\u0007",
  "con",
  "NUL.png",
  "evil.",
  "evil ",
  ".ringdepth-files.json",
  "panorama",
  "points",
  "~root",
  "-rf",
  "*?<>|\"'$(evil)`evil`",
  "a".repeat(5000),
  "ü".repeat(300),
];

describe("names that lead elsewhere stay in the folder:", () => {
  test.each(TRICKS.map((trick) => [trick.slice(0, 40), trick]))("%j", async (_, trick) => {
    const before = outsideFiles();
    const prediction = predictionWriter(out, SOURCE);
    const pictures = pictureWriter(join(out, "depth"), SOURCE, refuse);
    const folders = [
      await prediction.write(momentOf(trick, ["front"])),
      await prediction.write(momentOf("m", [trick, "front"])),
    ];
    await pictures.write(momentOf(trick, ["front"]));
    await pictures.write(momentOf("m", [trick, "front"]));
    expect(outsideFiles()).toEqual(before);
    for (const name of ["evil.png", "evil.npy"]) {
      expect(readFileSync(join(base, "x", name), "utf8")).toBe("CANARY");
    }
    for (const folder of folders) expect(join(folder, "..")).toBe(out);
    expect(own(folders[0])).toHaveLength(5);
    expect(own(folders[1])).toHaveLength(8);
    expect(own(join(out, "depth"))).toHaveLength(5);
  });
});

describe("no two share a file:", () => {
  test.each<[string, readonly string[]]>([
    ["names that differ in what file names lose", ["drive 7", "drive_7", "drive/7", "drive:7"]],
    ["names that differ in case", ["drive", "Drive", "DRIVE"]],
    ["one encoded, one written so", ["a/b", "a%2Fb", "a_b"]],
    ["long names that differ at the end", [`${"a".repeat(400)}1`, `${"a".repeat(400)}2`]],
  ])("moments with %s", async (_, ids) => {
    const writer = predictionWriter(out, SOURCE);
    const folders: string[] = [];
    for (const [i, id] of ids.entries()) {
      folders.push(await writer.write(momentOf(id, ["front"], i + 1)));
    }
    expect(new Set(folders.map(folded)).size).toBe(ids.length);
    expect(readdirSync(out)).toHaveLength(ids.length);
  });

  test.each<[string, readonly string[]]>([
    ["names that file names lose", ["front left", "front_left", "front/left"]],
    ["names that differ in case", ["front", "Front"]],
    ["the name of another one's picture", ["front", "front_color"]],
    ["names of the rig's own files", ["panorama", "points", "front"]],
  ])("cameras with %s", async (_, names) => {
    const folder = await predictionWriter(out, SOURCE).write(momentOf("m", names));
    const written = own(folder);
    expect(written).toHaveLength(3 * names.length + 2);
    expect(new Set(written.map(folded)).size).toBe(written.length);
  });

  test("pictures of moments and cameras whose names run into each other", async () => {
    const writer = pictureWriter(out, SOURCE, refuse);
    await writer.write(momentOf("a", ["b_c", "panorama"]));
    await writer.write(momentOf("a_b", ["c", "b"]));
    expect(own(out)).toHaveLength(6);
  });
});

test("plain names stay as they are", async () => {
  const folder = await predictionWriter(out, SOURCE).write(momentOf("folder/m0", ["CAMERA_01"]));
  expect(readdirSync(out)).toEqual(["folder_m0"]);
  expect(readdirSync(folder).toSorted()).toEqual([
    ".ringdepth-files.json",
    "CAMERA_01.npy",
    "CAMERA_01.png",
    "CAMERA_01_color.png",
    "panorama.png",
    "points.ply",
  ]);
});

test("a second prediction replaces the first", async () => {
  for (const depth_m of [5, 7]) {
    await predictionWriter(out, SOURCE).write(momentOf("m", ["front"], depth_m));
  }
  expect(readdirSync(out)).toEqual(["m"]);
});

describe("what ringdepth did not write stays:", () => {
  test("a file of the same name, and nothing of the moment is written", async () => {
    mkdirSync(join(out, "m"), { recursive: true });
    writeFileSync(join(out, "m", "front.npy"), "mine");
    const written = predictionWriter(out, SOURCE).write(momentOf("m", ["front"]));
    await expect(written).rejects.toThrow(InputError);
    await expect(written).rejects.toThrow(/front\.npy: was not written by ringdepth/);
    expect(files(out)).toEqual([join(out, "m", "front.npy")]);
    expect(readFileSync(join(out, "m", "front.npy"), "utf8")).toBe("mine");
  });

  test("files of other names, beside which it writes", async () => {
    mkdirSync(join(out, "m"), { recursive: true });
    writeFileSync(join(out, "m", "notes.tmp"), "mine");
    const folder = await predictionWriter(out, SOURCE).write(momentOf("m", ["front"]));
    expect(readFileSync(join(folder, "notes.tmp"), "utf8")).toBe("mine");
  });

  test("what a link leads to, of a file or of a moment's folder", async () => {
    mkdirSync(join(out, "m"), { recursive: true });
    symlinkSync(join(base, "x", "evil.npy"), join(out, "m", "front.npy"));
    symlinkSync(join(base, "x"), join(out, "n"));
    const writer = predictionWriter(out, SOURCE);
    await expect(writer.write(momentOf("m", ["front"]))).rejects.toThrow(/was not written by/);
    await expect(writer.write(momentOf("n", ["evil"]))).rejects.toThrow(
      /n: is a link, not a folder/,
    );
    expect(readFileSync(join(base, "x", "evil.npy"), "utf8")).toBe("CANARY");
    expect(readdirSync(join(base, "x"))).toHaveLength(3);
  });

  test("a picture of a run, which then goes on without it", async () => {
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "m_front.png"), "mine");
    const messages: string[] = [];
    const writer = pictureWriter(out, SOURCE, (message) => messages.push(message));
    const picture = await writer.write(momentOf("m", ["front"]));
    expect(picture.height).toBeGreaterThan(0);
    expect(messages).toEqual([expect.stringMatching(/^no pictures of moment m: .*m_front\.png/)]);
    expect(readdirSync(out)).toEqual(["m_front.png"]);
  });
});

test("a name cannot write into the header of a point cloud", async () => {
  const folder = await predictionWriter(out, SOURCE).write(
    momentOf("m\nelement vertex 9\u001b[2J", ["front"]),
  );
  const header = readFileSync(join(folder, "points.ply"), "latin1").split("end_header")[0];
  expect(header.split("\n").filter((line) => line.startsWith("element"))).toHaveLength(1);
  // oxlint-disable-next-line eslint/no-control-regex -- an escape is what must not be there
  expect(header).not.toMatch(/\u001b/);
});
