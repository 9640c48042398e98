// Teacher maps from files: three formats, any size, one normalisation; and what is said of files
// that are wrong.
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtinRig } from "../../src/data/builtin_rig.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { writePfm } from "../../src/formats/pfm.ts";
import { writeGrey16Png } from "../../src/formats/png16.ts";
import { fileTeacher } from "../../src/teacher/file_teacher.ts";
import { openTeacher } from "../../src/teacher/open_teacher.ts";
import { normalizeRelative } from "../../src/teacher/relative_depth.ts";
import { InputError } from "../../src/tensor/error.ts";
import { randomStream } from "../../src/tensor/random.ts";
import { indexOf } from "../support/teacher_index.ts";

const SIZE = { height: 8, width: 12 };
const PLANE = SIZE.height * SIZE.width;
const sample = await builtinRig({ split: "train", seed: 0, moments: 1 }).sample(0, {
  height: 32,
  width: 64,
});
const names = sample.cameras.map(({ name }) => name);

const random = randomStream(5);
/** Whole numbers, which all three formats hold. */
const MAP = Float32Array.from({ length: PLANE }, () => random.integer(60_000));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "teacher-"));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

let folders = 0;
/** A folder with a map of every camera as npy, after `change` has had its way. */
async function folder(
  kind: "depth" | "disparity",
  change: (maps: string) => Promise<void> = async () => {},
): Promise<string> {
  const path = join(root, String(folders++));
  const maps = join(path, sample.id);
  await mkdir(maps, { recursive: true });
  await writeFile(join(path, "teacher.json"), JSON.stringify({ kind, name: "a model" }));
  for (const name of names) await writeFile(join(maps, `${name}.npy`), npy(MAP, [8, 12]));
  await change(maps);
  return path;
}
const npy = (data: Float32Array | Float64Array, shape: number[]): Uint8Array =>
  writeNpy(data, shape);

const read = async (path: string): Promise<Float32Array> =>
  await indexOf(await fileTeacher(path), sample, SIZE);

describe("maps are", () => {
  test("normalised view by view, ascending with distance by the kind that the folder declares", async () => {
    const depth = await read(await folder("depth"));
    expect(depth).toHaveLength(names.length * PLANE);
    for (const view of names.keys()) {
      expect(depth.subarray(view * PLANE, (view + 1) * PLANE)).toEqual(
        normalizeRelative(MAP, "depth"),
      );
    }
    const disparity = await read(await folder("disparity"));
    expect(disparity.subarray(0, PLANE)).toEqual(normalizeRelative(MAP, "disparity"));
  });

  test("the same from npy, PFM and PNG, and f64 as f32", async () => {
    const path = await folder("depth", async (maps) => {
      await Promise.all(names.slice(0, 3).map(async (name) => await rm(join(maps, `${name}.npy`))));
      const image = { ...SIZE, channels: 1, data: MAP } as const;
      await writeFile(join(maps, `${names[0]}.pfm`), writePfm(image));
      const png = await writeGrey16Png({ ...SIZE, data: Uint16Array.from(MAP) });
      await writeFile(join(maps, `${names[1]}.png`), png);
      await writeFile(join(maps, `${names[2]}.npy`), npy(Float64Array.from(MAP), [8, 12]));
    });
    const map = await read(path);
    for (const view of names.keys()) {
      expect(map.subarray(view * PLANE, (view + 1) * PLANE), names[view]).toEqual(
        normalizeRelative(MAP, "depth"),
      );
    }
  });

  test("brought to the student's size from any other", async () => {
    const doubled = Float32Array.from({ length: 4 * PLANE }, (_, i) => {
      const [row, column] = [Math.floor(i / 24), i % 24];
      return MAP[Math.floor(row / 2) * 12 + Math.floor(column / 2)];
    });
    const path = await folder("depth", async (maps) => {
      await writeFile(join(maps, `${names[0]}.npy`), npy(doubled, [16, 24]));
    });
    expect((await read(path)).subarray(0, PLANE)).toEqual(normalizeRelative(MAP, "depth"));
  });

  test("found in any Unicode normalisation and case of their ending", async () => {
    const [composed, apart] = ["r\u00fcck", "ru\u0308ck"];
    const path = await folder("depth");
    for (const name of [composed, apart]) {
      const maps = join(path, `m_${name}`);
      await mkdir(maps);
      await writeFile(join(maps, `${apart}.NPY`), npy(MAP, [8, 12]));
      const other = name === composed ? apart : composed;
      const cameras = [{ ...sample.cameras[0], name: composed }];
      const teacher = await fileTeacher(path);
      const map = await indexOf(teacher, { ...sample, id: `m_${other}`, cameras }, SIZE);
      expect(map).toEqual(normalizeRelative(MAP, "depth"));
      await rm(maps, { recursive: true });
    }
  });

  test("found in a moment's folder that is a link", async () => {
    const path = await folder("depth", async (maps) => {
      await rename(maps, join(root, "elsewhere"));
      await symlink(join(root, "elsewhere"), maps);
    });
    expect(await read(path)).toHaveLength(names.length * PLANE);
  });

  test("opened by the configuration, under the model's name", async () => {
    const path = await folder("depth");
    expect((await openTeacher({ kind: "auto", path }, "rig", 0))?.name).toBe("a model");
    expect((await openTeacher({ kind: "files", path }, "ddad:x", 0))?.name).toBe("a model");
  });
});

describe("one line says", () => {
  const failure = async (path: string): Promise<string> => {
    const error = await read(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    const { message } = error as InputError;
    expect(message).not.toContain("\n");
    return message.replaceAll(root, "ROOT");
  };
  const broken = async (bytes: Uint8Array, extension = "npy"): Promise<string> =>
    await failure(
      await folder("depth", async (maps) => {
        await rm(join(maps, `${names[0]}.npy`));
        await writeFile(join(maps, `${names[0]}.${extension}`), bytes);
      }),
    );
  const first = (): string => `ROOT/${folders - 1}/${sample.id}/${names[0]}`;

  test("which map of which sample and camera is missing, and what was looked for", async () => {
    const path = await folder("depth", async (maps) => {
      await rm(join(maps, `${names[0]}.npy`));
    });
    expect(await failure(path)).toBe(
      `sample ${sample.id}, camera ${names[0]}: no teacher map ${first()} with .npy, .pfm, .png`,
    );
  });

  test("which element is no number", async () => {
    const map = MAP.slice();
    map[2 * 12 + 5] = NaN;
    expect(await broken(npy(map, [8, 12]))).toBe(`${first()}.npy: element [2, 5] is NaN`);
    map[2 * 12 + 5] = Infinity;
    expect(await broken(npy(map, [8, 12]))).toBe(`${first()}.npy: element [2, 5] is Infinity`);
  });

  test("which file has other axes, is empty or is cut short", async () => {
    expect(await broken(npy(MAP, [1, 8, 12]))).toBe(
      `${first()}.npy: has shape [1, 8, 12], expected [h, w]`,
    );
    expect(await broken(npy(new Float32Array(0), [0, 12]))).toBe(
      `${first()}.npy: the map is empty`,
    );
    expect(await broken(npy(MAP, [8, 12]).subarray(0, 200))).toContain(`${first()}.npy: `);
    const colour = writePfm({ height: 4, width: 8, channels: 3, data: MAP });
    expect(await broken(colour, "pfm")).toBe(`${first()}.pfm: has 3 channels, expected one`);
    expect(await broken(new Uint8Array(9), "png")).toContain(`${first()}.png: `);
  });

  test("which map is there twice", async () => {
    const path = await folder("depth", async (maps) => {
      await writeFile(join(maps, `${names[0]}.pfm`), writePfm({ ...SIZE, channels: 1, data: MAP }));
    });
    expect(await failure(path)).toBe(
      `${first()}.pfm: a second map for this camera; the other is ${names[0]}.npy`,
    );
  });

  test("what is wrong with teacher.json", async () => {
    const path = await folder("depth");
    await writeFile(join(path, "teacher.json"), '{"kind": "inverse", "name": "x"}');
    expect(await failure(path)).toMatch(/^ROOT\/\d+\/teacher\.json: kind: /);
    await rm(join(path, "teacher.json"));
    expect(await failure(path)).toMatch(
      /^ROOT\/\d+\/teacher\.json: cannot read: no such file or folder$/,
    );
  });
});
