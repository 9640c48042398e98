// The solids of the built-in street: yaw-turned boxes, upright cylinders and ellipsoids, packed
// into one array, so that testing a ray against one takes a few dozen nanoseconds. materials.ts has
// their looks.

/** A solid of the street frame (x along the street, y left, z up), metres and radians. */
export interface Solid {
  readonly shape: "box" | "cylinder" | "ellipsoid";
  /** Centre. */
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Half extents along the solid's own axes; a cylinder is round with radius halfX. */
  readonly halfX: number;
  readonly halfY: number;
  readonly halfZ: number;
  /** Turn about z, positive to the left. */
  readonly yaw: number;
}

/** Where a ray met a solid: filled in by `describeHit`, one object reused by a whole render. */
export interface Hit {
  /** Position in the solid's own axes, metres from its centre. */
  x: number;
  y: number;
  z: number;
  /** Outward normal in the street frame. */
  normalX: number;
  normalY: number;
  normalZ: number;
  /** The solid's own axis the normal lies along (0 x, 1 y, 2 z), for a box. */
  axis: number;
}

/** Solids as numbers: STRIDE numbers per solid, in the order of the fields below. */
export interface PackedSolids {
  readonly count: number;
  readonly numbers: Float64Array;
}

const STRIDE = 9;
const SHAPES = ["box", "cylinder", "ellipsoid"] as const;
// Hits nearer than this are the surface that the ray started from, up to rounding.
const NEAREST_M = 1e-4;

/** Packs solids for `intersect`, in order. */
export function packSolids(solids: readonly Solid[]): PackedSolids {
  const numbers = new Float64Array(solids.length * STRIDE);
  solids.forEach((solid, i) => {
    const { x, y, z, halfX, halfY, halfZ, yaw } = solid;
    const shape = SHAPES.indexOf(solid.shape);
    numbers.set([shape, x, y, z, halfX, halfY, halfZ, Math.cos(yaw), Math.sin(yaw)], i * STRIDE);
  });
  return { count: solids.length, numbers };
}

/** Ray parameter t of the first hit of `o + t d` on solid `i` with t < `limit`, else `limit`. */
export function intersect(
  { numbers }: PackedSolids,
  i: number,
  ox: number,
  oy: number,
  oz: number,
  dx: number,
  dy: number,
  dz: number,
  limit: number,
): number {
  const at = i * STRIDE;
  const cos = numbers[at + 7];
  const sin = numbers[at + 8];
  const px = ox - numbers[at + 1];
  const py = oy - numbers[at + 2];
  const z = oz - numbers[at + 3];
  const x = cos * px + sin * py;
  const y = cos * py - sin * px;
  const rx = cos * dx + sin * dy;
  const ry = cos * dy - sin * dx;
  const halfX = numbers[at + 4];
  const halfY = numbers[at + 5];
  const halfZ = numbers[at + 6];
  switch (numbers[at]) {
    case 0:
      return meetBox(x, y, z, rx, ry, dz, halfX, halfY, halfZ, limit);
    case 1:
      return meetCylinder(x, y, z, rx, ry, dz, halfX, halfZ, limit);
    default:
      return meetEllipsoid(
        x / halfX,
        y / halfY,
        z / halfZ,
        rx / halfX,
        ry / halfY,
        dz / halfZ,
        limit,
      );
  }
}

function meetBox(
  x: number,
  y: number,
  z: number,
  rx: number,
  ry: number,
  rz: number,
  halfX: number,
  halfY: number,
  halfZ: number,
  limit: number,
): number {
  // Slab method: a division by 0 gives an infinite or an empty interval, and both are correct.
  const ix = 1 / rx;
  const iy = 1 / ry;
  const iz = 1 / rz;
  const reachX = halfX * Math.abs(ix);
  const reachY = halfY * Math.abs(iy);
  const reachZ = halfZ * Math.abs(iz);
  const near = Math.max(-x * ix - reachX, -y * iy - reachY, -z * iz - reachZ);
  const far = Math.min(-x * ix + reachX, -y * iy + reachY, -z * iz + reachZ);
  return near > NEAREST_M && near <= far && near < limit ? near : limit;
}

function meetCylinder(
  x: number,
  y: number,
  z: number,
  rx: number,
  ry: number,
  rz: number,
  radius: number,
  halfZ: number,
  limit: number,
): number {
  // Only the side: poles and trunks stand on the ground and end inside a crown or a lamp, or above
  // the view.
  const a = rx * rx + ry * ry;
  const b = x * rx + y * ry;
  const c = x * x + y * y - radius * radius;
  const root = b * b - a * c;
  if (root < 0) return limit;
  const t = (-b - Math.sqrt(root)) / a;
  return t > NEAREST_M && t < limit && Math.abs(z + t * rz) <= halfZ ? t : limit;
}

function meetEllipsoid(
  x: number,
  y: number,
  z: number,
  rx: number,
  ry: number,
  rz: number,
  limit: number,
): number {
  const a = rx * rx + ry * ry + rz * rz;
  const b = x * rx + y * ry + z * rz;
  const root = b * b - a * (x * x + y * y + z * z - 1);
  if (root < 0) return limit;
  const t = (-b - Math.sqrt(root)) / a;
  return t > NEAREST_M && t < limit ? t : limit;
}

/** Fills `hit` for the point (x, y, z) of the street frame on the surface of solid `i`. */
export function describeHit(
  { numbers }: PackedSolids,
  i: number,
  x: number,
  y: number,
  z: number,
  hit: Hit,
): void {
  const at = i * STRIDE;
  const cos = numbers[at + 7];
  const sin = numbers[at + 8];
  const px = x - numbers[at + 1];
  const py = y - numbers[at + 2];
  hit.x = cos * px + sin * py;
  hit.y = cos * py - sin * px;
  hit.z = z - numbers[at + 3];
  const u = hit.x / numbers[at + 4];
  const v = hit.y / numbers[at + 5];
  const w = hit.z / numbers[at + 6];
  let nx = 0;
  let ny = 0;
  let nz = 0;
  if (numbers[at] === 0) {
    const [au, av, aw] = [Math.abs(u), Math.abs(v), Math.abs(w)];
    hit.axis = au >= av && au >= aw ? 0 : av >= aw ? 1 : 2;
    if (hit.axis === 0) nx = Math.sign(u);
    else if (hit.axis === 1) ny = Math.sign(v);
    else nz = Math.sign(w);
  } else {
    hit.axis = 0;
    nx = u / numbers[at + 4];
    ny = v / numbers[at + 5];
    nz = numbers[at] === 1 ? 0 : w / numbers[at + 6];
    const length = Math.hypot(nx, ny, nz);
    nx /= length;
    ny /= length;
    nz /= length;
  }
  hit.normalX = cos * nx - sin * ny;
  hit.normalY = sin * nx + cos * ny;
  hit.normalZ = nz;
}

/** The eight corners `[8, 3]` of the box that bounds solid `i`, in the street frame. */
export function corners({ numbers }: PackedSolids, i: number): Float64Array {
  const [, x, y, z, halfX, halfY, halfZ, cos, sin] = numbers.subarray(i * STRIDE, (i + 1) * STRIDE);
  const points = new Float64Array(24);
  for (let corner = 0; corner < 8; corner++) {
    const px = corner & 1 ? halfX : -halfX;
    const py = corner & 2 ? halfY : -halfY;
    points[corner * 3] = x + cos * px - sin * py;
    points[corner * 3 + 1] = y + sin * px + cos * py;
    points[corner * 3 + 2] = z + (corner & 4 ? halfZ : -halfZ);
  }
  return points;
}
