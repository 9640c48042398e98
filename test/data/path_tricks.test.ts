// Paths in files that people were handed: whatever they say, nothing outside the data is opened and
// none of it shows. Each trick leads a reader to a canary; every file that is opened is recorded.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type * as Files from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ddad } from "../../src/data/ddad.ts";
import { folder } from "../../src/data/folder.ts";
import type { RigSample } from "../../src/data/rig_sample.ts";
import { readInside } from "../../src/formats/inside_root.ts";
import { writeNpy } from "../../src/formats/npy.ts";
import { fileTeacher } from "../../src/teacher/file_teacher.ts";
import { InputError } from "../../src/tensor/error.ts";
import { writeFolder } from "../cli/folder_fixture.ts";
import { makePipe } from "../support/special_files.ts";
import { cloudBytes, DGP_FILES, writeDgp } from "./dgp_fixture.ts";
import { indexOf } from "../support/teacher_index.ts";

const opened: string[] = vi.hoisted(() => []);
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof Files>();
  const record = (path: unknown): void => {
    if (typeof path === "string") opened.push(path);
  };
  return {
    ...real,
    open: (...args: Parameters<typeof real.open>) => (record(args[0]), real.open(...args)),
    readFile: (...args: Parameters<typeof real.readFile>) => (
      record(args[0]),
      real.readFile(...args)
    ),
  };
});

const SIZE = { height: 32, width: 64 };
const CANARY = "CANARY";

const TEMPLATE = mkdtempSync(join(tmpdir(), "ringdepth-tricks-"));
beforeAll(async () => {
  const at = (...path: string[]): string => join(TEMPLATE, ...path);
  await writeDgp(at("root"));
  await writeFolder(at("folder"), true);
  // Outside lies a whole data set of the same form, so that a reader that gets there succeeds.
  await writeDgp(at("outside"));
  await writeFolder(at("outside", "folder"), true);
  const magenta = { create: { ...SIZE, channels: 3, background: "#ff00ff" } } as const;
  writeFileSync(at("outside", "canary.jpg"), await sharp(magenta).jpeg().toBuffer());
  writeFileSync(at("outside", "canary.png"), await sharp(magenta).png().toBuffer());
  writeFileSync(at("outside", "canary.npz"), cloudBytes([[77, 0, 1.5, 0]]));
  const map = new Float32Array(32 * 64).fill(77);
  writeFileSync(at("outside", "canary.npy"), writeNpy(map, [32, 64]));
  writeFileSync(at("outside", "canary.txt"), `${CANARY} of a secret`);
});
afterAll(() => rmSync(TEMPLATE, { recursive: true }));

let base = "";
let root = "";
let outside = "";
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "ringdepth-tricks-")));
  cpSync(TEMPLATE, base, { recursive: true });
  root = join(base, "root");
  outside = join(base, "outside");
  opened.length = 0;
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/** What was opened that lies outside of the data, links resolved. */
function astray(data: string): string[] {
  return opened
    .map((path) => {
      try {
        return realpathSync(path);
      } catch {
        return path;
      }
    })
    .filter((path) => !path.startsWith(`${data}/`) && !path.startsWith("/proc/self/fd"));
}

/** Reads, and expects an error of one line that shows nothing of the canary; opens nothing outside. */
async function expectRefused(data: string, read: () => Promise<unknown>): Promise<void> {
  const error = await read().then(
    (value) => value,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).message).not.toMatch(/CANARY|secret|\n/);
  expect(astray(data)).toEqual([]);
}

const readDdad = async (): Promise<RigSample> => (await ddad(root, "train")).sample(0, SIZE);
const readFolder = async (): Promise<RigSample> =>
  (await folder(join(base, "folder"), "train")).sample(0, SIZE);

function edit(file: string, from: string, to: string): void {
  const path = join(root, file);
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replaceAll(from, JSON.stringify(to).slice(1, -1)));
}

/** Puts a link in place of a file or folder. */
function relink(path: string, target: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

const SCENE = DGP_FILES.scene;
const sceneIs = (path: string) => () => edit(DGP_FILES.set, SCENE, path);
const calibrationIs = (key: string) => () => edit(SCENE, '"cd"', `"${key}"`);
const FRONT = "rgb/CAMERA_01/15616458249936530.jpg";
const imageIs = (path: string) => () => edit(SCENE, FRONT, path);
const cloudIs = (path: string) => () => edit(SCENE, DGP_FILES.cloud.replace("000000/", ""), path);
const link = (file: string, target: () => string) => () => relink(join(root, file), target());

describe("DDAD leads nowhere by", () => {
  test.each<[string, () => void]>([
    ["a scene above", sceneIs("../outside/000000/scene_ab.json")],
    ["a scene above, later in the path", sceneIs("000000/../../outside/000000/scene_ab.json")],
    ["an absolute scene", () => sceneIs(join(outside, SCENE))()],
    ["a scene with backslashes", sceneIs("..\\outside\\000000\\scene_ab.json")],
    ["a scene of a drive", sceneIs("C:\\outside\\scene_ab.json")],
    ["a scene of a drive with slashes", sceneIs("C:/outside/scene_ab.json")],
    ["a scene of another host", sceneIs("\\\\host\\share\\scene_ab.json")],
    ["a scene of another host with slashes", sceneIs("//host/share/scene_ab.json")],
    ["a scene with NUL", sceneIs("../outside/000000/scene_ab.json\u0000.json")],
    ["a scene percent-encoded", sceneIs("%2e%2e/outside/000000/scene_ab.json")],
    ["a scene with dots and a space", sceneIs(".. /outside/000000/scene_ab.json")],
    ["a scene with three dots", sceneIs(".../outside/000000/scene_ab.json")],
    ["a scene of a URL", () => sceneIs(`file://${outside}/${SCENE}`)()],
    ["a scene of no name", sceneIs("")],
    ["a scene with a name of 5,000 letters", sceneIs(`${"a".repeat(5000)}/scene_ab.json`)],
    ["a scene in /proc", sceneIs("/proc/self/environ")],
    ["a scene of /dev/zero", sceneIs("/dev/zero")],
    ["a scene that is a link", link(SCENE, () => join(outside, SCENE))],
    ["a scene that is a link to a text", link(SCENE, () => join(outside, "canary.txt"))],
    ["a scene folder that is a link", link("000000", () => join(outside, "000000"))],
    ["a scene that is a link to itself", link(SCENE, () => join(root, SCENE))],
    ["a ddad.json that is a link", link(DGP_FILES.set, () => join(outside, DGP_FILES.set))],
    ["a calibration above", calibrationIs("../../../outside/000000/calibration/cd")],
    ["an absolute calibration", () => calibrationIs(join(outside, "000000/calibration/cd"))()],
    [
      "a calibration that is a link",
      link(DGP_FILES.calibration, () => join(outside, DGP_FILES.calibration)),
    ],
    ["an image above", imageIs("../../outside/canary.jpg")],
    ["an absolute image", () => imageIs(join(outside, "canary.jpg"))()],
    ["an image in /proc", imageIs("/proc/self/cwd/README.md")],
    ["an image that is a link", link(DGP_FILES.front, () => join(outside, "canary.jpg"))],
    [
      "an image that is a relative link",
      link(DGP_FILES.front, () => "../../../../outside/canary.jpg"),
    ],
    [
      "an image behind two links",
      () => {
        symlinkSync(join(outside, "canary.jpg"), join(root, "second"));
        relink(join(root, DGP_FILES.front), join(root, "second"));
      },
    ],
    [
      "an image in a folder that is a link",
      () => {
        mkdirSync(join(outside, "CAMERA_01"));
        renameSync(
          join(outside, "canary.jpg"),
          join(outside, "CAMERA_01", "15616458249936530.jpg"),
        );
        relink(join(root, "000000/rgb/CAMERA_01"), join(outside, "CAMERA_01"));
      },
    ],
    ["an image that is a link to /dev/zero", link(DGP_FILES.front, () => "/dev/zero")],
    ["an image that is a link into /proc", link(DGP_FILES.front, () => "/proc/self/environ")],
    [
      "an image that is a pipe",
      () => {
        rmSync(join(root, DGP_FILES.front));
        makePipe(join(root, DGP_FILES.front));
      },
    ],
    ["a cloud above", cloudIs("../../outside/canary.npz")],
    ["a cloud that is a link", link(DGP_FILES.cloud, () => join(outside, "canary.npz"))],
    ["a mask that is a link", link("masks/CAMERA_01.png", () => join(outside, "canary.png"))],
  ])("%s", async (_, trick) => {
    trick();
    await expectRefused(root, readDdad);
  });

  test("a camera's name, which is no path of anything that is read", async () => {
    edit(SCENE, "CAMERA_01", "../../outside/canary");
    edit(DGP_FILES.calibration, "CAMERA_01", "../../outside/canary");
    edit(SCENE, "rgb/../../outside/canary", "rgb/CAMERA_01");
    mkdirSync(join(root, "masks"));
    opened.length = 0;
    const { usable, cameras } = await readDdad();
    expect(cameras[0].name).toBe("../../outside/canary");
    expect(usable.every((value) => value === 1)).toBe(true);
    expect(astray(root)).toEqual([]);
  });
});

describe("a folder leads nowhere by", () => {
  const at = (...path: string[]): string => join(base, "folder", ...path);
  const rig = (from: string, to: string): void => {
    const text = readFileSync(at("rig.json"), "utf8");
    expect(text).toContain(from);
    writeFileSync(at("rig.json"), text.replaceAll(from, to));
  };
  test.each<[string, () => void]>([
    [
      "an image that is a link",
      () => relink(at("images/m0/front.jpg"), join(outside, "canary.jpg")),
    ],
    [
      "an image that is a link to a text",
      () => relink(at("images/m0/front.jpg"), join(outside, "canary.txt")),
    ],
    ["an image that is a link to /dev/zero", () => relink(at("images/m0/front.jpg"), "/dev/zero")],
    [
      "a depth map that is a link",
      () => relink(at("depth/m0/front.npy"), join(outside, "canary.npy")),
    ],
    ["a mask that is a link", () => relink(at("mask/front.png"), join(outside, "canary.png"))],
    ["a rig.json that is a link", () => relink(at("rig.json"), join(outside, "folder/rig.json"))],
    [
      "a rig.json that is a link to a text",
      () => relink(at("rig.json"), join(outside, "canary.txt")),
    ],
    ["a moment held out above", () => rig('"m2"', '"../../outside/folder/images/m2"')],
    ["a camera named above", () => rig('"front"', '"../../../outside/canary"')],
    [
      "a camera with an absolute name",
      () => rig('"front"', JSON.stringify(join(outside, "canary"))),
    ],
    [
      "an image that is a pipe",
      () => {
        rmSync(at("images/m0/front.jpg"));
        makePipe(at("images/m0/front.jpg"));
      },
    ],
  ])("%s", async (_, trick) => {
    trick();
    await expectRefused(at(), readFolder);
  });
});

describe("a teacher's folder leads nowhere by", () => {
  const teach = async (
    id: string,
    camera: string,
    trick: () => void = () => {},
  ): Promise<unknown> => {
    const maps = join(base, "teacher");
    mkdirSync(join(maps, "000000", "1"), { recursive: true });
    writeFileSync(join(maps, "teacher.json"), '{"kind": "depth", "name": "x"}');
    const sample = await readDdad();
    trick();
    opened.length = 0;
    const cameras = [{ ...sample.cameras[0], name: camera }];
    return await indexOf(await fileTeacher(maps), { ...sample, id, cameras }, SIZE);
  };
  test.each<[string, string, string, (() => void)?]>([
    ["a camera named above", "000000/1", "../../../outside/canary"],
    ["a sample named above", "../outside", "canary"],
    ["a sample named above within", "000000/../../outside", "canary"],
    [
      "a map that is a link",
      "000000/1",
      "front",
      () => symlinkSync(join(outside, "canary.npy"), join(base, "teacher/000000/1/front.npy")),
    ],
    [
      "a map that is a link to /dev/zero",
      "000000/1",
      "front",
      () => symlinkSync("/dev/zero", join(base, "teacher/000000/1/front.npy")),
    ],
    [
      "a teacher.json that is a link",
      "000000/1",
      "front",
      () => relink(join(base, "teacher/teacher.json"), join(outside, "canary.txt")),
    ],
  ])("%s", async (_, id, camera, trick) => {
    await expectRefused(join(base, "teacher"), () => teach(id, camera, trick));
  });
});

test("a folder that is swapped for a link while files are read gives nothing of the other", async () => {
  const [inside, link2, spare] = [join(root, "f"), join(root, "link"), join(root, "spare")];
  mkdirSync(inside);
  writeFileSync(join(inside, "x"), "inside");
  mkdirSync(join(outside, "f"));
  writeFileSync(join(outside, "f", "x"), CANARY);
  symlinkSync(join(outside, "f"), link2);
  const state = { isOver: false };
  const swap = async (): Promise<void> => {
    while (!state.isOver) {
      renameSync(inside, spare);
      renameSync(link2, inside);
      await new Promise((resolve) => setImmediate(resolve));
      renameSync(inside, link2);
      renameSync(spare, inside);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const swapping = swap();
  const seen = new Set<string>();
  for (let i = 0; i < 400; i++) {
    const bytes = await readInside(root, "f/x", 100).catch((error: Error) => error);
    seen.add(bytes instanceof Error ? "refused" : new TextDecoder().decode(bytes));
  }
  state.isOver = true;
  await swapping;
  expect([...seen].filter((text) => text !== "inside" && text !== "refused")).toEqual([]);
});

test("what a person links on purpose is read: root, moment folders, files inside the root", async () => {
  symlinkSync(root, join(base, "linked_root"));
  relink(join(root, DGP_FILES.front), join(root, DGP_FILES.back));
  const sample = await (await ddad(join(base, "linked_root"), "train")).sample(0, SIZE);
  expect(sample.images[2]).toBeGreaterThan(150);
  relink(join(base, "folder/images/m0"), join(outside, "folder/images/m0"));
  relink(join(base, "folder/depth"), join(outside, "folder/depth"));
  symlinkSync(join(base, "folder"), join(base, "linked_folder"));
  const source = await folder(join(base, "linked_folder"), "train");
  expect(source.count).toBe(2);
  expect((await source.sample(0, SIZE)).id).toBe("folder/m0");
});
