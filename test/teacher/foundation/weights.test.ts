// Weights of Depth Anything from files: both namings, shards, half precision, and every fault named.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import {
  readSafetensors,
  writeSafetensors,
  type NewTensor,
} from "../../../src/formats/safetensors.ts";
import { toFloat32 } from "../../../src/formats/elements.ts";
import { namedTensors } from "../../../src/teacher/foundation/tensor_names.ts";
import { readFoundationWeights } from "../../../src/teacher/foundation/weights.ts";
import { TINY } from "./fixture.ts";

const root = mkdtempSync(join(tmpdir(), "ringdepth-weights-"));
afterAll(() => rmSync(root, { recursive: true }));
const { architecture, tensors: own } = await readFoundationWeights(TINY);
const stored = readSafetensors(readFileSync(join(TINY, "model.safetensors")), "tiny").tensors;
const published = [...stored].map(([name, { shape, data }]): NewTensor => ({
  name,
  shape,
  data: toFloat32(data),
}));
const config = JSON.parse(readFileSync(join(TINY, "config.json"), "utf8")) as Record<
  string,
  unknown
>;
let folders = 0;

/** Shape and a hash of each tensor: comparing 70,000 numbers one by one takes seconds. */
function digests(tensors: typeof own): Map<string, string> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      const hash = createHash("sha256").update(new Uint8Array(data.slice().buffer));
      return [name, `${shape.join("x")} ${hash.digest("hex")}`];
    }),
  );
}

/** A folder with one file of these tensors and this configuration. */
function written(tensors: readonly NewTensor[], told: unknown = config): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(tensors));
  if (told !== null) writeFileSync(join(folder, "config.json"), JSON.stringify(told));
  return folder;
}

/** The tensors by the names of the original repositories, query, key and value in one. */
function original(): NewTensor[] {
  const found = new Map<string, NewTensor>();
  for (const { original: name, huggingface, shape, third } of namedTensors(architecture)) {
    const { data } = published.find((tensor) => tensor.name === huggingface)!;
    const earlier = found.get(name);
    if (third === undefined || earlier === undefined) {
      found.set(name, { name, shape, data });
      continue;
    }
    const joined = Float32Array.of(...(earlier.data as Float32Array), ...(data as Float32Array));
    found.set(name, {
      name,
      shape: [joined.length / (shape[1] ?? 1), ...shape.slice(1)],
      data: joined,
    });
  }
  return [...found.values()];
}

test("both namings give the same network", async () => {
  const tensors = original();
  expect(tensors.map(({ name }) => name)).toContain("pretrained.blocks.3.attn.qkv.weight");
  expect(tensors).toHaveLength(published.length - 4 * 4);
  const read = await readFoundationWeights(written(tensors));
  expect(read.naming).toBe("original");
  expect(read.architecture).toEqual(architecture);
  expect(digests(read.tensors)).toEqual(digests(own));
});

test("shards with their index give the same network", async () => {
  const folder = join(root, "shards");
  mkdirSync(folder);
  const middle = 60;
  const names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const parts = [published.slice(0, middle), published.slice(middle)];
  parts.forEach((part, i) => writeFileSync(join(folder, names[i]), writeSafetensors(part)));
  const weight_map = Object.fromEntries(
    published.map(({ name }, i) => [name, names[i < middle ? 0 : 1]]),
  );
  const index = join(folder, "model.safetensors.index.json");
  writeFileSync(index, JSON.stringify({ metadata: {}, weight_map }));
  copyFileSync(join(TINY, "config.json"), join(folder, "config.json"));
  for (const path of [folder, index]) {
    expect(digests((await readFoundationWeights(path)).tensors)).toEqual(digests(own));
  }

  writeFileSync(index, JSON.stringify({ weight_map: { ...weight_map, more: names[0] } }));
  await expect(readFoundationWeights(folder)).rejects.toThrow(/has tensor more, which it does not/);
  writeFileSync(index, JSON.stringify({ weight_map: { x: "../model.safetensors" } }));
  await expect(readFoundationWeights(folder)).rejects.toThrow('has ".." in it');
  writeFileSync(index, JSON.stringify({ weight_map: { ...weight_map, x: "gone.safetensors" } }));
  await expect(readFoundationWeights(folder)).rejects.toThrow("gone.safetensors: cannot read");
});

test("brain floats are read, whole numbers are not", async () => {
  const name = "backbone.layernorm.bias";
  const words = new Uint16Array(24).fill(0x3f80); // 1 in bfloat16
  const bytes = Buffer.from(
    writeSafetensors([
      ...published.filter((one) => one.name !== name),
      { name, shape: [24], data: words },
    ]),
  );
  const as = async (dtype: string): Promise<Awaited<ReturnType<typeof readFoundationWeights>>> => {
    const folder = written(published);
    const header = `"${name}":{"dtype":"${dtype}"`;
    const text = bytes.toString("latin1").replace(`"${name}":{"dtype":"U16"`, header);
    // the header keeps its length: spaces pad it
    const grown = header.length - `"${name}":{"dtype":"U16"`.length;
    const end = 8 + Number(bytes.readBigUInt64LE());
    const padded = text.slice(0, end).trimEnd().padEnd(end) + text.slice(end + grown);
    writeFileSync(join(folder, "model.safetensors"), Buffer.from(padded, "latin1"));
    return await readFoundationWeights(folder);
  };
  const { tensors } = await as("BF16");
  expect([...tensors.get("norm.bias")!.data]).toEqual(Array.from({ length: 24 }, () => 1));
  await expect(as("U16")).rejects.toThrow(`${name} is U16; expected F32, F16, BF16`);
});

describe("a fault is named", () => {
  const without = (name: string): NewTensor[] => published.filter((one) => one.name !== name);
  const scale = "backbone.encoder.layer.2.layer_scale1.lambda1";
  const bias = "neck.fusion_stage.layers.1.projection.bias";

  test("a missing tensor", async () => {
    const some = without(scale).filter(({ name }) => name !== bias);
    await expect(readFoundationWeights(written(without(scale)))).rejects.toThrow(
      `model.safetensors: tensor ${scale} is missing`,
    );
    await expect(readFoundationWeights(written(some))).rejects.toThrow(
      `tensors ${scale}, ${bias} are missing`,
    );
  });

  test("each tensor of the network, but those that no layer uses", async () => {
    const idle = /mask_token|fusion_stage\.layers\.0\.residual_layer1/;
    const some = published.filter(({ name }, i) => i % 9 === 0 || idle.test(name));
    for (const { name } of some) {
      const found = readFoundationWeights(written(without(name)));
      if (idle.test(name)) await found;
      else await expect(found, name).rejects.toThrow(name);
    }
  });

  test("an extra tensor", async () => {
    const extra = { name: "head.conv4.weight", shape: [1], data: Float32Array.of(1) };
    await expect(readFoundationWeights(written([...published, extra]))).rejects.toThrow(
      "tensor head.conv4.weight is not part of this network",
    );
  });

  test("a tensor of another shape", async () => {
    const data = new Float32Array(23);
    const tensors = [...without(scale), { name: scale, shape: [23], data }];
    await expect(readFoundationWeights(written(tensors))).rejects.toThrow(
      `${scale} is [23]; expected [24]`,
    );
  });

  test("a number that is not finite", async () => {
    const data = new Float32Array(24).fill(1);
    data[5] = Number.NaN;
    const tensors = [...without(scale), { name: scale, shape: [24], data }];
    await expect(readFoundationWeights(written(tensors))).rejects.toThrow(
      `${scale} has NaN at element 5; expected finite numbers`,
    );
  });

  test("weights of something else, and folders without weights", async () => {
    const other = [{ name: "conv1.weight", shape: [1], data: Float32Array.of(1) }];
    await expect(readFoundationWeights(written(other))).rejects.toThrow(
      "these are not weights of Depth Anything",
    );
    const empty = join(root, "empty");
    mkdirSync(empty);
    await expect(readFoundationWeights(empty)).rejects.toThrow("no weights: expected model.safe");
    await expect(readFoundationWeights(join(root, "gone"))).rejects.toThrow(
      "cannot read the weights",
    );
    writeFileSync(join(empty, "a.safetensors"), "");
    writeFileSync(join(empty, "b.safetensors"), "");
    await expect(readFoundationWeights(empty)).rejects.toThrow("has 2 .safetensors files");
  });
});

describe("config.json", () => {
  const backbone = config["backbone_config"] as Record<string, unknown>;
  const { num_attention_heads: _, ...headless } = backbone;

  test("tensors tell every size that it leaves out", async () => {
    const short = { num_attention_heads: 3, out_indices: [1, 2, 3, 4] };
    const read = await readFoundationWeights(written(published, { backbone_config: short }));
    expect(read.architecture).toEqual(architecture);
    expect(read.assumed).toBeNull();
  });

  test("V1 taps the last four blocks, negative indices count from the end", async () => {
    const taps = async (told: unknown): Promise<number[]> =>
      (await readFoundationWeights(written(published, told))).architecture.taps.map(
        ({ block }) => block,
      );
    const heads = { num_attention_heads: 3 };
    expect(await taps({ version: "v1", backbone_config: heads })).toEqual([0, 1, 2, 3]);
    const behind = { ...heads, out_indices: [-4, -3, -2, -1] };
    expect(await taps({ backbone_config: behind })).toEqual([0, 1, 2, 3]);
  });

  test("metric networks state their greatest depth", async () => {
    const told = { ...config, depth_estimation_type: "metric", max_depth: 80 };
    const { output } = (await readFoundationWeights(written(published, told))).architecture;
    expect(output).toEqual({ kind: "metric_depth", max_depth_m: 80 });
  });

  test.each([
    [{ ...config, backbone_config: { ...backbone, use_swiglu_ffn: true } }, "use_swiglu_ffn"],
    [{ ...config, backbone_config: { ...backbone, model_type: "beit" } }, "model_type"],
    [{ ...config, backbone_config: headless }, "does not tell the number of heads"],
    [{ ...config, backbone_config: { ...backbone, num_attention_heads: 5 } }, "5 heads do not"],
    [{ ...config, backbone_config: { ...backbone, hidden_size: 25 } }, "25"],
    [{ ...config, reassemble_factors: [4, 2, 1, 1] }, "reassemble_factors: must be 4, 2, 1, 0.5"],
    [{ backbone_config: { num_attention_heads: 3 } }, "4 blocks are those of no published"],
    [
      {
        backbone_config: {
          num_attention_heads: 3,
          out_features: ["stage1", "stage2", "stage4", "stage3"],
        },
      },
      "expected ascending blocks",
    ],
    [{ backbone_config: { num_attention_heads: 3, out_indices: [1, 2, 3, 9] } }, "of 4; expected"],
    [null, "4 blocks are those of no published network"],
  ])("a configuration that is not of this network is refused (%#)", async (told, message) => {
    await expect(readFoundationWeights(written(published, told))).rejects.toThrow(message);
  });
});
