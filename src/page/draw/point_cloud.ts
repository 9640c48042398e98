// The point cloud of a moment on a canvas: drag to orbit, scroll or pinch to zoom, arrow keys to
// turn. Points are drawn by this thread with a depth buffer: a frame of 90,000 takes a few
// milliseconds.
import { pointCloud } from "../../report/point_cloud.ts";
import type { Views } from "../messages.ts";

/** A cloud on a canvas. */
export interface CloudView {
  readonly show: (views: Views) => void;
}

const BACKGROUND = 0xff110d0b; // ABGR of #0b0d11
const LOWEST = 0.05;
const HIGHEST = 1.5;
const NEAREST_M = 4;
const FARTHEST_M = 150;
const KEY_STEP = 0.12;
// What lies far behind the street or high above it, such as sky, would hide the rest.
const SHOWN_M = 45;
const HIGHEST_M = 6;
// The side of a point.
const POINT_M = 0.22;

/** Makes a canvas show clouds. */
export function cloudView(canvas: HTMLCanvasElement): CloudView {
  let cloud: ReturnType<typeof pointCloud> | null = null;
  const orbit = { yaw: 2.75, pitch: 0.5, distance_m: 24 };
  let isAsked = false;
  const redraw = (): void => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      if (cloud !== null) draw(canvas, cloud, orbit);
    });
  };
  const turn = (yaw: number, pitch: number): void => {
    orbit.yaw += yaw;
    orbit.pitch = Math.min(HIGHEST, Math.max(LOWEST, orbit.pitch + pitch));
    redraw();
  };
  const zoom = (factor: number): void => {
    orbit.distance_m = Math.min(FARTHEST_M, Math.max(NEAREST_M, orbit.distance_m * factor));
    redraw();
  };
  listen(canvas, turn, zoom);
  new ResizeObserver(redraw).observe(canvas);
  return {
    show: ({ cameras, cap_m, ...rig }) => {
      cloud = pointCloud(rig, cameras, Math.min(SHOWN_M, cap_m));
      redraw();
    },
  };
}

function listen(
  canvas: HTMLCanvasElement,
  turn: (yaw: number, pitch: number) => void,
  zoom: (factor: number) => void,
): void {
  const fingers = new Map<number, { x: number; y: number }>();
  const spread = (): number => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (finger === undefined) return;
    const before = fingers.size === 2 ? spread() : 0;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) zoom(before / Math.max(1, spread()));
    else turn(-dx / 150, dy / 150);
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(Math.exp(event.deltaY / 600));
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") turn(-KEY_STEP, 0);
    if (key === "ArrowRight") turn(KEY_STEP, 0);
    if (key === "ArrowUp") turn(0, KEY_STEP);
    if (key === "ArrowDown") turn(0, -KEY_STEP);
    if (key === "+") zoom(0.9);
    if (key === "-") zoom(1.1);
  });
}

/** Draws the points as squares whose side falls with the distance, nearest in front. */
function draw(
  canvas: HTMLCanvasElement,
  { positions_m, colors }: ReturnType<typeof pointCloud>,
  { yaw, pitch, distance_m }: { yaw: number; pitch: number; distance_m: number },
): void {
  const ratio = Math.min(2, devicePixelRatio);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((n) =>
    Math.round(n * ratio),
  );
  if (width === 0 || height === 0) return;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d")!;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer).fill(BACKGROUND);
  const nearest = new Float32Array(width * height).fill(Infinity);
  // The eye looks at the middle of the vehicle from `distance_m`.
  const [cy, sy, cp, sp] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  const focal_px = 0.9 * Math.max(height, width / 2);
  for (let at = 0; at < positions_m.length; at += 3) {
    const [x, y, z] = [positions_m[at], positions_m[at + 1], positions_m[at + 2] - 1];
    const ahead = x * cy + y * sy;
    const right = -x * sy + y * cy;
    const depth = distance_m - ahead * cp - z * sp;
    if (depth < 0.5 || z > HIGHEST_M) continue;
    const u = width / 2 + (focal_px * right) / depth;
    const v = height / 2 - (focal_px * (z * cp - ahead * sp)) / depth;
    const side = Math.min(14 * ratio, Math.max(1, Math.round((POINT_M * focal_px) / depth)));
    const [left, top] = [Math.round(u - side / 2), Math.round(v - side / 2)];
    const color = 0xff000000 | (colors[at + 2] << 16) | (colors[at + 1] << 8) | colors[at];
    for (let row = Math.max(0, top); row < Math.min(height, top + side); row++) {
      for (let column = Math.max(0, left); column < Math.min(width, left + side); column++) {
        const pixel = row * width + column;
        if (depth >= nearest[pixel]) continue;
        nearest[pixel] = depth;
        pixels[pixel] = color;
      }
    }
  }
  context.putImageData(image, 0, 0);
}
