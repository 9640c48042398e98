// Names as names of files: one harmless component each, and never one for two names.
import { basename } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { folded, pathName, pathNames } from "../../src/formats/path_name.ts";

test.each([
  ["CAMERA_01", "CAMERA_01"],
  ["front left-2.b", "front left-2.b"],
  ["rück", "rück"],
  ["ru\u0308ck", "rück"],
  ["前", "前"],
  ["../../../x/evil", "%2E.%2F..%2F..%2Fx%2Fevil"],
  ["..", "%2E%2E"],
  [".", "%2E"],
  ["", "%"],
  ["%", "%25"],
  [".hidden", "%2Ehidden"],
  ["C:\\x", "C%3A%5Cx"],
  ["a\u0000b", "a%00b"],
  ["a\nb", "a%0Ab"],
  ["end.", "end%2E"],
  ["end ", "end%20"],
  [" a", "%20a"],
  ["con", "%63on"],
  ["NUL.txt", "%4EUL.txt"],
  ["console", "console"],
  ["a\u202eb", "a%E2%80%AEb"],
  ["\ud800", "%uD800"],
])("%j is %j", (name, expected) => {
  expect(pathName(name)).toBe(expected);
});

const ODD = "./\\ aAbB%~:_ßüé\u0308\u0000".split("");
const anyName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: fc.constantFrom(...ODD), maxLength: 8 }),
);

test("any name is one component of at most 100 bytes that stays in its folder", () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const encoded = pathName(name);
      expect(encoded).toBe(basename(encoded));
      expect(encoded).not.toMatch(/^\.|[/\\:*?"<>|]|[. ]$|^$/);
      expect(Buffer.byteLength(encoded)).toBeLessThanOrEqual(100);
    }),
  );
});

test("different names are encoded differently", () => {
  fc.assert(
    fc.property(anyName, anyName, (a, b) => {
      const isSame = a.normalize("NFC") === b.normalize("NFC");
      expect(pathName(a) === pathName(b)).toBe(isSame);
    }),
  );
});

test("in one folder no two files meet, whatever the file system folds", () => {
  const endings = [".png", "_color.png", ".npy"];
  const taken = ["panorama.png", "points.ply"];
  fc.assert(
    fc.property(fc.uniqueArray(anyName, { maxLength: 12 }), (keys) => {
      const names = pathNames(taken, endings);
      const files = keys.flatMap((key) => endings.map((ending) => names.of(key) + ending));
      expect(new Set([...taken, ...files].map(folded)).size).toBe(files.length + taken.length);
      for (const key of keys) expect(names.of(key)).toBe(names.of(key));
    }),
  );
});

test("ids stay legible, and the later of two that meet gets a hash", () => {
  const names = pathNames();
  expect(names.of("folder/drive_7")).toBe("folder_drive_7");
  expect(names.of("folder/drive/7")).toMatch(/^folder_drive_7~[0-9a-f]{16}$/);
  expect(names.of("folder/Drive_7")).toMatch(/^folder_Drive_7~[0-9a-f]{16}$/);
  expect(names.of("folder/drive_7")).toBe("folder_drive_7");
  expect(names.of("folder/a b")).not.toBe(names.of("folder/a_b"));
});
