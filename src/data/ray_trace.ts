// The ray tracer of the built-in street: colour with 2x2 samples per pixel, depth at pixel centres.
// Rays are tested only against the solids that their tile of pixels can see. The street itself is
// street.ts.
import type { Camera } from "./camera.ts";
import { groundLook, solidLook, type Look } from "./materials.ts";
import { compose, rotationMatrix, type Pose } from "./pose.ts";
import { isShadowed, type ShadowGrid } from "./shadow.ts";
import { ambientLight, skyLight } from "./sky.ts";
import { describeHit, intersect, type Hit } from "./solids.ts";
import type { Street } from "./street.ts";
import { TILE, tileLists } from "./tiles.ts";

/** One rendered camera. */
export interface View {
  /** `[H, W, 3]` sRGB bytes. */
  readonly image: Uint8Array;
  /** `[H, W]` z-depth in metres, 0 = sky. */
  readonly depth_m: Float32Array;
  /** `[H, W]` 1 = the world, 0 = the vehicle's own body. */
  readonly usable: Uint8Array;
}

/** Nothing is drawn beyond this z-depth: the sky's horizon is there. */
const FAR_M = 200;

const GROUND = -1;
// Bright surfaces roll off instead of clipping: 1 - exp(-EXPOSURE x).
const EXPOSURE = 1.55;

// Linear light 0..1 in 4096 steps to sRGB bytes (IEC 61966-2-1).
const SRGB: Uint8Array = Uint8Array.from({ length: 4097 }, (_, i) => {
  const x = i / 4096;
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
});

/** Renders `camera` of a vehicle standing at `street.vehicle`. */
export function renderView(street: Street, shadows: ShadowGrid, camera: Camera): View {
  const { width, height, fx, fy, cx, cy } = camera;
  const image = new Uint8Array(height * width * 3);
  const depth_m = new Float32Array(height * width);
  const usable = new Uint8Array(height * width);
  const pose = compose(street.vehicle, camera);
  const rays = new RayCaster(street, shadows, pose, 1 / fx);
  const tiles = tileLists(street.packed, pose, camera);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const tile = Math.floor(row / TILE) * tiles.columns + Math.floor(column / TILE);
      rays.candidates(tiles.members, tiles.starts[tile], tiles.starts[tile + 1]);
      const pixel = row * width + column;
      const depth = rays.cast((column - cx) / fx, (row - cy) / fy);
      depth_m[pixel] = depth < FAR_M ? depth : 0;
      usable[pixel] = rays.isOwn ? 0 : 1;
      rays.clear();
      for (let sample = 0; sample < 4; sample++) {
        const du = sample & 1 ? 0.25 : -0.25;
        const dv = sample & 2 ? 0.25 : -0.25;
        rays.addColor((column + du - cx) / fx, (row + dv - cy) / fy);
      }
      for (let channel = 0; channel < 3; channel++) {
        const light = 1 - Math.exp((-EXPOSURE * rays.light[channel]) / 4);
        image[pixel * 3 + channel] = SRGB[Math.round(4096 * light)];
      }
    }
  }
  return { image, depth_m, usable };
}

/**
 * Distance along each ray of `directions` `[n, 3]` (street frame, unit length) from `origin` to the
 * first surface, 0 for none within `range_m` and where that is the vehicle itself.
 */
export function castDistances(
  street: Street,
  [ox, oy, oz]: readonly [number, number, number],
  directions: Float64Array,
  range_m: number,
): Float64Array {
  const { packed, own } = street;
  const distances = new Float64Array(directions.length / 3);
  for (let i = 0; i < distances.length; i++) {
    const dx = directions[i * 3];
    const dy = directions[i * 3 + 1];
    const dz = directions[i * 3 + 2];
    let nearest = dz < 0 ? Math.min(range_m, -oz / dz) : range_m;
    for (let solid = 0; solid < own; solid++) {
      nearest = intersect(packed, solid, ox, oy, oz, dx, dy, dz, nearest);
    }
    let isOwn = false;
    for (let solid = own; solid < packed.count && !isOwn; solid++) {
      isOwn = intersect(packed, solid, ox, oy, oz, dx, dy, dz, nearest) < nearest;
    }
    distances[i] = nearest < range_m && !isOwn ? nearest : 0;
  }
  return distances;
}

/** Casts and shades the rays of one camera; owns the scratch memory of a ray. */
class RayCaster {
  /** Sum of the colours added since `clear`. */
  readonly light: Float64Array = new Float64Array(3);

  readonly #street: Street;
  readonly #shadows: ShadowGrid;
  readonly #rotation: Float64Array;
  readonly #origin: Float64Array;
  /** Width in metres of a pixel at one metre. */
  readonly #pixel: number;
  readonly #ray: Float64Array = new Float64Array(3);
  readonly #scratch: Float64Array = new Float64Array(3);
  readonly #hit: Hit = { x: 0, y: 0, z: 0, normalX: 0, normalY: 0, normalZ: 1, axis: 2 };
  readonly #look: Look = { r: 0, g: 0, b: 0, mirror: 0 };
  #members: Uint16Array = new Uint16Array(0);
  #start = 0;
  #end = 0;
  #solid = GROUND;

  constructor(street: Street, shadows: ShadowGrid, pose: Pose, pixel: number) {
    this.#street = street;
    this.#shadows = shadows;
    this.#rotation = rotationMatrix(pose.rotation);
    this.#origin = Float64Array.from(pose.translation_m);
    this.#pixel = pixel;
  }

  /** Whether the ray just cast met the vehicle itself. */
  get isOwn(): boolean {
    return this.#solid >= this.#street.own;
  }

  clear(): void {
    this.light.fill(0);
  }

  /** The solids that the next rays may hit. */
  candidates(members: Uint16Array, start: number, end: number): void {
    this.#members = members;
    this.#start = start;
    this.#end = end;
  }

  /**
   * z-depth of the first surface along camera ray (x, y, 1), FAR_M for none; remembers that
   * surface.
   */
  cast(x: number, y: number): number {
    const r = this.#rotation;
    const dx = r[0] * x + r[1] * y + r[2];
    const dy = r[3] * x + r[4] * y + r[5];
    const dz = r[6] * x + r[7] * y + r[8];
    this.#ray[0] = dx;
    this.#ray[1] = dy;
    this.#ray[2] = dz;
    const ox = this.#origin[0];
    const oy = this.#origin[1];
    const oz = this.#origin[2];
    this.#solid = GROUND;
    // The ray advances one metre of z-depth per unit, so its parameter is the depth.
    let nearest = dz < 0 ? Math.min(FAR_M, -oz / dz) : FAR_M;
    for (let i = this.#start; i < this.#end; i++) {
      const solid = this.#members[i];
      const t = intersect(this.#street.packed, solid, ox, oy, oz, dx, dy, dz, nearest);
      if (t < nearest) {
        nearest = t;
        this.#solid = solid;
      }
    }
    return nearest;
  }

  /** Adds the light that arrives along camera ray (x, y, 1). */
  addColor(x: number, y: number): void {
    const depth = this.cast(x, y);
    const { sky } = this.#street;
    // By index: a destructured typed array is iterated, and this runs for each sample.
    const ray = this.#ray;
    const dx = ray[0];
    const dy = ray[1];
    const dz = ray[2];
    const length = Math.sqrt(dx * dx + dy * dy + dz * dz);
    const far = this.#scratch;
    if (depth >= FAR_M) {
      skyLight(sky, dx / length, dy / length, dz / length, far);
      for (let channel = 0; channel < 3; channel++) this.light[channel] += far[channel];
      return;
    }
    this.#shade(depth, dx / length, dy / length, dz / length);
    const look = this.#look;
    const clear = Math.exp((-depth * length) / sky.haze_m);
    this.light[0] += sky.horizon[0] + (look.r - sky.horizon[0]) * clear;
    this.light[1] += sky.horizon[1] + (look.g - sky.horizon[1]) * clear;
    this.light[2] += sky.horizon[2] + (look.b - sky.horizon[2]) * clear;
  }

  /**
   * Writes the light of the surface that was just hit, before haze, into the look. (ux, uy, uz) is
   * a unit vector.
   */
  #shade(depth: number, ux: number, uy: number, uz: number): void {
    const { packed, solids, ground, sky } = this.#street;
    const x = this.#origin[0] + depth * this.#ray[0];
    const y = this.#origin[1] + depth * this.#ray[1];
    const z = this.#origin[2] + depth * this.#ray[2];
    const hit = this.#hit;
    const look = this.#look;
    const across = depth * this.#pixel;
    if (this.#solid === GROUND) {
      hit.normalX = 0;
      hit.normalY = 0;
      hit.normalZ = 1;
      // At a grazing angle a pixel covers 1 / cos more ground; the mean of its width and length is
      // used.
      groundLook(ground, x, y, across / Math.sqrt(Math.max(0.02, -uz)), look);
    } else {
      describeHit(packed, this.#solid, x, y, z, hit);
      solidLook(solids[this.#solid], hit, across, look);
    }
    const { normalX, normalY, normalZ } = hit;
    const [sx, sy, sz] = sky.sun;
    const facing = normalX * sx + normalY * sy + normalZ * sz;
    const lit =
      facing > 0 && !isShadowed(packed, this.#shadows, x, y, z, normalX, normalY, normalZ)
        ? facing
        : 0;
    const light = this.#scratch;
    ambientLight(sky, normalZ, light);
    const r = look.r * (light[0] + lit * sky.sunlight[0]);
    const g = look.g * (light[1] + lit * sky.sunlight[1]);
    const b = look.b * (light[2] + lit * sky.sunlight[2]);
    if (look.mirror === 0) {
      look.r = r;
      look.g = g;
      look.b = b;
      return;
    }
    const cos = ux * normalX + uy * normalY + uz * normalZ;
    // Schlick's approximation: the mirrored share rises towards grazing angles.
    const share = look.mirror + (1 - look.mirror) * (1 - Math.min(1, Math.abs(cos))) ** 5;
    skyLight(sky, ux - 2 * cos * normalX, uy - 2 * cos * normalY, uz - 2 * cos * normalZ, light);
    // A mirrored ray that is level or points down hits the other side of the street, not the sky.
    const open = Math.min(1, Math.max(0.25, 4 * (uz - 2 * cos * normalZ)));
    look.r = r + (light[0] * open - r) * share;
    look.g = g + (light[1] * open - g) * share;
    look.b = b + (light[2] * open - b) * share;
  }
}
