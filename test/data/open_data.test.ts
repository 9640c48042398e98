// What --data takes: the four kinds by name, and one clear line for anything else.
import { expect, test } from "vitest";
import { openData } from "../../src/data/open_data.ts";
import { withPlaces } from "../../src/data/source_spec.ts";
import { InputError } from "../../src/tensor/error.ts";

test("rig opens with its default moments", async () => {
  expect((await openData("rig", { split: "train" })).count).toBe(48);
  expect((await openData("rig", { split: "held-out" })).count).toBe(12);
  const moments = { train: 3, "held-out": 2 };
  expect((await openData("rig", { split: "held-out", moments })).count).toBe(2);
});

test.each(["", "ddad", "ddad:", "folder:", "rig:", "nuscenes:", "/some/path"])(
  "%j is refused",
  async (spec) => {
    await expect(openData(spec, { split: "train" })).rejects.toThrow(InputError);
    await expect(openData(spec, { split: "train" })).rejects.toThrow(
      /expected rig, ddad:PATH, nuscenes:PATH or folder:PATH/,
    );
  },
);

test.each(["ddad:/nowhere", "folder:/nowhere", "nuscenes:/nowhere", "nuscenes:/no@where"])(
  "%s names the missing folder",
  async (spec) => {
    await expect(openData(spec, { split: "train" })).rejects.toThrow(
      /^[a-z]+:\/\w+: no such folder$/,
    );
  },
);

test.each([
  ["ddad:/x@points=mean", /points=mean: expected points= and one of nearest, surrounddepth/],
  ["ddad:/x@val:test", /test: a second choice after the @/],
  ["nuscenes:/x@v1.0-mini:v1.0-test", /v1.0-test: a second version after the @/],
])("%s is refused", async (spec, message) => {
  await expect(openData(spec, { split: "train" })).rejects.toThrow(InputError);
  await expect(openData(spec, { split: "train" })).rejects.toThrow(message);
});

test("places of a source and of its lists can be made absolute", () => {
  const place = (path: string): string => `/base/${path}`;
  expect(withPlaces("rig", place)).toBe("rig");
  expect(withPlaces("folder:a@b", place)).toBe("folder:/base/a@b");
  expect(withPlaces("ddad:a", place)).toBe("ddad:/base/a");
  expect(withPlaces("nuscenes:a@points=dgp:train,val.txt:v1.0-mini", place)).toBe(
    "nuscenes:/base/a@v1.0-mini:train,/base/val.txt:points=dgp",
  );
});
