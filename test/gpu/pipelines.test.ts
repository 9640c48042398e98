// Pipelines: each distinct one compiled once, errors with file, line and column.
import { afterEach, expect, test, vi } from "vitest";
import { GpuValidationError } from "../../src/gpu/errors.ts";
import { pipelineFor, pipelineLabel, type PipelineSource } from "../../src/gpu/pipelines.ts";
import { gpu } from "../support/gpu.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

// Texts that no other test compiles: the cache lives as long as the device.
let texts = 0;
function source(name: string, changes: Partial<PipelineSource> = {}): PipelineSource {
  const code = `// text ${texts++}
override FACTOR: u32 = 2u;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn ${name}() {
    y[0] = f32(FACTOR);
}
`;
  return { name, code, layout: ["storage"], constants: {}, ...changes };
}

const spied = (): (() => number[]) => {
  const spies = (["createShaderModule", "createComputePipelineAsync"] as const).map((name) =>
    vi.spyOn(gpu.device, name),
  );
  return () => spies.map(({ mock }) => mock.calls.length);
};

test("one source asked for twice, even at once, is compiled once", async () => {
  const once = source("once");
  const made = spied();
  const [a, b] = await Promise.all([pipelineFor(gpu, once), pipelineFor(gpu, { ...once })]);
  const c = await pipelineFor(gpu, { ...once, constants: {} });
  expect(b).toBe(a);
  expect(c).toBe(a);
  expect(made()).toEqual([1, 1]);
});

test("pipelines of one text with other constants share its module and their layout", async () => {
  const shared = source("many");
  const made = spied();
  const pipelines = await Promise.all(
    [1, 2, 3].map((FACTOR) => pipelineFor(gpu, { ...shared, constants: { FACTOR } })),
  );
  expect(made()).toEqual([1, 3]);
  expect(new Set(pipelines.map(({ layout }) => layout)).size).toBe(1);
  expect(new Set(pipelines.map(({ pipeline }) => pipeline)).size).toBe(3);
});

test("a label names the kernel and its constants in order of name", () => {
  expect(pipelineLabel(source("conv2d", { constants: { WG: 64, HAS_BIAS: 1 } }))).toBe(
    "conv2d HAS_BIAS=1 WG=64",
  );
});

test("text that does not compile is reported by file, line and column, each time it is asked for", async () => {
  const broken = source("broken");
  const code = broken.code.replace("y[0] = f32(FACTOR)", "y[0] = FACTOR");
  for (const attempt of ["first", "again"]) {
    const failure = await pipelineFor(gpu, { ...broken, code }).catch((error: unknown) => error);
    expect(failure, attempt).toBeInstanceOf(GpuValidationError);
    expect((failure as Error).message).toMatch(
      /^shaders\/broken\.wgsl:6:10: cannot assign .*u32.*f32/,
    );
  }
  gpu.check(); // a shader that does not compile is an error of its caller, not of the device
});

test("a constant that the shader does not have is named", async () => {
  const unknown = source("unknown", { constants: { FAKTOR: 3 } });
  await expect(pipelineFor(gpu, unknown)).rejects.toThrow(/^shaders\/unknown\.wgsl: .*FAKTOR/s);
  gpu.check();
});

test("an entry point that is not there is named", async () => {
  const misnamed = { ...source("one_name"), name: "another_name" };
  await expect(pipelineFor(gpu, misnamed)).rejects.toThrow(
    /^shaders\/another_name\.wgsl: .*another_name/s,
  );
  gpu.check();
});
