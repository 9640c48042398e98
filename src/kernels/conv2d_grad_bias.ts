// Gradient of conv2d by its bias: partial sums over slabs of pixels; conv2d_grad_weight_reduce adds them up.
import { like } from "../tensor/array.ts";
import { size, type Shape } from "../tensor/shape.ts";
import { rowsPerSlab } from "./conv2d_geometry.ts";
import { foldGrid, kernel, type Kernel } from "./kernel.ts";
import { shaders } from "./shaders.gen.ts";

interface BiasParams {
  readonly pixels: number;
  readonly channels: number;
  readonly slab_pixels: number;
  readonly slabs: number;
}

function paramsOf({ d_y }: { readonly d_y: Shape }): BiasParams {
  const pixels = size(d_y.slice(0, -1));
  const channels = d_y.at(-1) ?? 0;
  const slab_pixels = rowsPerSlab(pixels, 1, channels);
  return { pixels, channels, slab_pixels, slabs: Math.max(1, Math.ceil(pixels / slab_pixels)) };
}

/** Partial sums of d_y over its pixels. d_y [V, OH, OW, O] -> partials [slabs, O]; the slabs are fixed by the shape. */
export const conv2dGradBias: Kernel<typeof shaders.conv2d_grad_bias> = kernel({
  shader: shaders.conv2d_grad_bias,
  shapes: (shapes) => {
    const { slabs, channels } = paramsOf(shapes);
    return { partials: [slabs, channels] };
  },
  params: paramsOf,
  grid: ({ slabs, channels }, { WG }) => foldGrid(Math.ceil((slabs * channels) / WG)),
  // a sum an element; d_y and partials cross the bus once
  cost: (shapes) => {
    const { slabs, channels } = paramsOf(shapes);
    return { flops: size(shapes.d_y), bytes: 4 * (size(shapes.d_y) + slabs * channels) };
  },
  terms: (shapes) => paramsOf(shapes).slab_pixels,
  cases: [
    { name: "slabs and a shorter one", shapes: { d_y: [2, 17, 19, 33] }, attributes: undefined },
    { name: "one", shapes: { d_y: [1, 1, 1, 1] }, attributes: undefined },
    { name: "no views", shapes: { d_y: [0, 4, 4, 5] }, attributes: undefined },
    { name: "student's depth at 1/2", shapes: { d_y: [6, 48, 80, 1] }, attributes: undefined },
  ],
  reference: ({ d_y }, shapes) => {
    const { channels, slab_pixels, slabs, pixels } = paramsOf(shapes);
    const partials = like(d_y, slabs * channels);
    for (let pixel = 0; pixel < pixels; pixel++) {
      const slab = Math.floor(pixel / slab_pixels) * channels;
      for (let o = 0; o < channels; o++) partials[slab + o]! += d_y[pixel * channels + o]!;
    }
    return { partials };
  },
});
