// Which choices a whole step keeps, with a made-up step.
import { describe, expect, test } from "vitest";
import { isNoSlower, keptChoices } from "../../src/tune/step_choices.ts";

const never = (): boolean => false;

describe("a step is no slower", () => {
  test.each([
    [-0.05, -0.06, -0.04, true],
    [0, -0.01, 0.01, true],
    [-0.01, -0.05, 0.04, false], // too wide to rule a rise out
    [0.01, -0.02, 0.02, false],
    [0.05, 0.04, 0.06, false],
  ])("at %d [%d, %d]: %s", (median, low, high, expected) => {
    expect(isNoSlower({ median, low, high }, 0.03)).toBe(expected);
  });
});

describe("choices", () => {
  /** A step that each choice of `effects` makes faster (below 0) or slower. */
  const step = (effects: readonly number[]) => {
    const asked: number[][] = [];
    const keeps = async (kept: readonly number[], more: readonly number[]): Promise<boolean> => {
      asked.push([...more]);
      expect(kept.filter((one) => more.includes(one))).toEqual([]);
      const change = more.reduce((sum, one) => sum + effects[one], 0);
      return await Promise.resolve(change <= 0);
    };
    return { asked, keeps, all: effects.map((_, i) => i) };
  };

  test("are all kept at once where the step is no slower with them", async () => {
    const { asked, keeps, all } = step([-1, -2, -3]);
    expect(await keptChoices(all, keeps, never)).toEqual([0, 1, 2]);
    expect(asked).toEqual([[0, 1, 2]]);
  });

  test("are parted by halves down to the one that slows", async () => {
    const { asked, keeps, all } = step([-1, -1, 9, -1, -1]);
    expect(await keptChoices(all, keeps, never)).toEqual([0, 1, 3, 4]);
    expect(asked).toEqual([[0, 1, 2, 3, 4], [0, 1, 2], [0, 1], [2], [3, 4]]);
  });

  test("are none where each slows", async () => {
    const { keeps, all } = step([1, 1]);
    expect(await keptChoices(all, keeps, never)).toEqual([]);
  });

  test("none ask nothing", async () => {
    const { asked, keeps } = step([]);
    expect(await keptChoices([], keeps, never)).toEqual([]);
    expect(asked).toEqual([]);
  });

  test("that were not tried in time are left out", async () => {
    const { asked, keeps, all } = step([-1, -1, 9, -1]);
    const isOver = (): boolean => asked.length >= 2;
    expect(await keptChoices(all, keeps, isOver)).toEqual([0, 1]);
    expect(asked).toHaveLength(2);
  });
});
