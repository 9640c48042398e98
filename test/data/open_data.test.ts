// What --data takes: the three kinds by name, and one clear line for anything else.
import { expect, test } from "vitest";
import { openData } from "../../src/data/open_data.ts";
import { InputError } from "../../src/tensor/error.ts";

test("rig opens with its default moments", async () => {
  expect((await openData("rig", { split: "train" })).count).toBe(48);
  expect((await openData("rig", { split: "held-out" })).count).toBe(12);
  const moments = { train: 3, "held-out": 2 };
  expect((await openData("rig", { split: "held-out", moments })).count).toBe(2);
});

test.each(["", "ddad", "ddad:", "folder:", "rig:", "nuscenes:/x", "/some/path"])(
  "%j is refused",
  async (spec) => {
    await expect(openData(spec, { split: "train" })).rejects.toThrow(InputError);
    await expect(openData(spec, { split: "train" })).rejects.toThrow(
      /expected rig, ddad:PATH or folder:PATH/,
    );
  },
);

test.each(["ddad:/nowhere", "folder:/nowhere"])("%s names the missing folder", async (spec) => {
  await expect(openData(spec, { split: "train" })).rejects.toThrow(`${spec}: no such folder`);
});
