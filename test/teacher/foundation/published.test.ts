// Networks of published widths against transformers, with weights that are hashes.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { initialStore } from "../../../src/graph/cpu_store.ts";
import { compile } from "../../../src/graph/plan.ts";
import { createStore } from "../../../src/graph/store.ts";
import { foundationNetwork } from "../../../src/teacher/foundation/network.ts";
import { foundationWeights } from "../../../src/teacher/foundation/weights.ts";
import { gpu } from "../../support/gpu.ts";
import { goldenVectors, relativeError, TINY } from "./fixture.ts";
import { LARGE_OF_4, randomFiles, SMALL, uniform } from "./random_weights.ts";

const golden = goldenVectors(TINY, "published");
const size = { height: 28, width: 42 };
const image = uniform("pixels", 3 * size.height * size.width).map((value) => 2 * value);

test.each([
  ["small", SMALL, "original", { version: "v2" }],
  ["large4", LARGE_OF_4, "huggingface", readFileSync(join(TINY, "large4.json"), "utf8")],
] as const)("%s gives the map of transformers", async (name, wanted, naming, told) => {
  const config = typeof told === "string" ? (JSON.parse(told) as object) : told;
  const bias = golden.get(`${name}.bias`)!.data;
  const weights = foundationWeights(randomFiles(wanted, naming, config, bias));
  expect(weights.architecture).toEqual(wanted);
  const { g, map } = foundationNetwork(weights, size, "size");
  const store = createStore(gpu, g, initialStore(g, 0));
  try {
    const plan = await compile(gpu, g, { outputs: { map } }, store);
    const got = await plan.run({ image });
    plan.destroy();
    expect(relativeError(got["map"], golden.get(`${name}.depth`)!.data)).toBeLessThan(1e-5);
  } finally {
    store.destroy();
  }
});
