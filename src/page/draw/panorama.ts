// The panorama: every camera's image above its depth, from left to right as the rig sees them.
import { rotate } from "../../data/pose.ts";
import { depthColors, depthScale } from "../../report/depth_colors.ts";
import { element } from "../element.ts";
import type { Views } from "../messages.ts";

/** Draws the views into `place`, replacing what was there. */
export function drawPanorama(place: HTMLElement, views: Views): void {
  const { cameras, images, depth_m, truth_m, cap_m, height, width } = views;
  const scale = depthScale(cap_m);
  const pixels = height * width;
  const figures = leftToRight(views).map((view) => {
    const part = (map: Float32Array): Uint8Array =>
      depthColors(map.subarray(view * pixels, (view + 1) * pixels), scale);
    const rows = [
      { what: "image", rgb: images.subarray(view * pixels * 3, (view + 1) * pixels * 3) },
      { what: "depth", rgb: part(depth_m) },
      ...(truth_m === null ? [] : [{ what: "true depth", rgb: part(truth_m) }]),
    ];
    const name = cameras[view].name.replace(/^CAM_/, "").replaceAll("_", " ").toLowerCase();
    return element(
      "figure",
      {},
      element("figcaption", {}, name),
      ...rows.map(({ what, rgb }) => canvasOf(rgb, height, width, `${name}: ${what}`)),
    );
  });
  const grid = element("div", { class: "views" }, ...figures);
  place.replaceChildren(grid, scaleBar(scale.near_m, scale.far_m));
}

/** Indices of the views by direction, from behind over the left to behind on the right. */
function leftToRight({ cameras }: Views): number[] {
  const yaw = cameras.map(({ rotation }) => {
    const [x, y] = rotate(rotation, [0, 0, 1]);
    const angle = Math.atan2(y, x);
    // A camera that looks straight back is the leftmost.
    return angle < -3 ? angle + 2 * Math.PI : angle;
  });
  return cameras.map((_, i) => i).toSorted((a, b) => yaw[b] - yaw[a]);
}

function canvasOf(
  rgb: Uint8Array,
  height: number,
  width: number,
  label: string,
): HTMLCanvasElement {
  const canvas = element("canvas", { width, height, role: "img", "aria-label": label });
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    image.data.set(rgb.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

function scaleBar(near_m: number, far_m: number): HTMLElement {
  const width = 256;
  const depths_m = Array.from({ length: width }, (_, i) => near_m * (far_m / near_m) ** (i / 255));
  const bar = canvasOf(depthColors(depths_m, { near_m, far_m }), 1, width, "scale of depth");
  return element("div", { class: "scale" }, `${near_m} m`, bar, `${far_m} m`);
}
