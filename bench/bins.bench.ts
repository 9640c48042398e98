// The problems of `ringdepth bench bins`: bins at the sizes of the student's output for images of
// 96x160 and 192x320.
import type { BinAxes, FeatureAxes } from "../src/profile/bench/bins_bench.ts";

const SMALL = { height: 48, width: 80 };
const LARGE = { height: 96, width: 160 };

/** Levels 0, 1 and 3. */
export const axes: BinAxes = {
  views: 6,
  sizes: [SMALL, LARGE],
  bins: [16, 32, 64, 128, 256],
  students: ["logits", "binomial"],
  centers: ["image", "pixel"],
};

/** Levels 0, 1 and 2; level 2 has the last 1x1 convolution inside the decode. */
export const featureAxes: FeatureAxes = {
  views: 6,
  sizes: [SMALL],
  bins: [64, 128],
  channels: [8, 32, 64],
};

/** The axes for --quick. */
export const quick: Pick<BinAxes, "sizes" | "bins"> & Pick<FeatureAxes, "channels"> = {
  sizes: [SMALL],
  bins: [64, 128],
  channels: [8, 32],
};
