// Gradient of convolution by its weight against its reference, in all its mappings, and which of
// them the rule takes.
import { expect, test } from "vitest";
import { ruleMapping } from "../../src/engine/mapping.ts";
import type { Conv2dGradWeightAttributes } from "../../src/kernels/convolution/conv2d_geometry.ts";
import {
  conv2dGradWeight,
  conv2dGradWeightBand,
  conv2dGradWeightDepthwise,
  conv2dGradWeightFew,
  conv2dGradWeightMatrix,
  conv2dGradWeightRegister,
  conv2dGradWeightStrip,
  conv2dGradWeightSubgroup,
  conv2dGradWeightVec4,
} from "../../src/kernels/convolution/conv2d_grad_weight.ts";
import { LAVAPIPE, SWIFTSHADER } from "../support/adapters.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(
  conv2dGradWeight,
  conv2dGradWeightFew,
  conv2dGradWeightBand,
  conv2dGradWeightStrip,
  conv2dGradWeightVec4,
  conv2dGradWeightSubgroup,
  conv2dGradWeightRegister,
  conv2dGradWeightDepthwise,
  conv2dGradWeightMatrix,
);

/** The mapping by rule of a convolution of 6x24x40, padded to keep its size. */
function chosen(
  channels: number,
  outputs: number,
  size: number,
  stride = 1,
  facts = LAVAPIPE,
): string {
  const pad = (size - 1) / 2;
  const attributes: Conv2dGradWeightAttributes = {
    stride: [stride, stride],
    padding: [pad, pad, pad, pad],
    dilation: [1, 1],
    groups: 1,
    kernel: [size, size],
  };
  const shapes = {
    x: [6, 24, 40, channels],
    d_y: [6, Math.ceil(24 / stride), Math.ceil(40 / stride), outputs],
  };
  return ruleMapping(conv2dGradWeight, facts, shapes, attributes).shader.name;
}

test("the rule takes the mapping whose tiles are least idle", () => {
  for (const channels of [16, 24, 32, 40, 48, 64, 80, 96]) {
    expect(chosen(channels, channels, 3)).toBe("conv2d_grad_weight_band");
    // bands take 8 lanes
    expect(chosen(channels, channels, 3, 1, SWIFTSHADER)).toBe("conv2d_grad_weight_strip");
  }
  expect(chosen(64, 128, 3, 2)).toBe("conv2d_grad_weight_vec4");
  expect(chosen(128, 128, 1)).toBe("conv2d_grad_weight_vec4");
  expect(chosen(48, 24, 1)).toBe("conv2d_grad_weight_vec4");
  expect(chosen(32, 32, 1)).toBe("conv2d_grad_weight_vec4");
  // of few channels, a tile of as few
  expect(chosen(32, 16, 1)).toBe("conv2d_grad_weight_vec4");
  expect(chosen(4, 16, 3, 2)).toBe("conv2d_grad_weight_vec4");
  expect(chosen(32, 1, 1)).toBe("conv2d_grad_weight_few");
  expect(chosen(24, 4, 1)).toBe("conv2d_grad_weight_few");
  // not in fours
  expect(chosen(32, 6, 1)).toBe("conv2d_grad_weight_subgroup");
  expect(chosen(63, 64, 3)).toBe("conv2d_grad_weight_band"); // loads x number by number
  expect(chosen(63, 64, 5)).toBe("conv2d_grad_weight_subgroup");
  expect(chosen(64, 66, 1)).toBe("conv2d_grad_weight_subgroup");
});

test("the rule takes bands of four rows where they divide the height", () => {
  const attributes = {
    stride: [1, 1],
    padding: [1, 1, 1, 1],
    dilation: [1, 1],
    groups: 1,
    kernel: [3, 3],
  } as const;
  const rows = [1, 2, 3, 4, 6, 7, 8, 48].map((height) => {
    const shapes = { x: [1, height, 8, 16], d_y: [1, height, 8, 16] };
    return conv2dGradWeightBand.tuneRule?.(shapes, attributes).ROWS;
  });
  expect(rows).toEqual([2, 2, 4, 4, 2, 4, 4, 4]);
});

test("the rule takes tiles of as many channels as there are", () => {
  const attributes = {
    stride: [1, 1],
    padding: [0, 0, 0, 0],
    dilation: [1, 1],
    groups: 1,
    kernel: [1, 1],
  } as const;
  const tile = (
    kernel: typeof conv2dGradWeightStrip | typeof conv2dGradWeightVec4,
  ): (number | undefined)[] =>
    [4, 16, 24, 32, 40, 48, 64].map((channels) => {
      const map = [1, 8, 8, channels];
      return kernel.tuneRule?.({ x: [1, 8, 8, 64], d_y: map }, attributes).ROWS;
    });
  expect(tile(conv2dGradWeightStrip)).toEqual([16, 16, 24, 16, 16, 16, 16]);
  expect(tile(conv2dGradWeightVec4)).toEqual([16, 16, 24, 32, 24, 24, 32]);
});
