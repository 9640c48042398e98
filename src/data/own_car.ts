// The vehicle's own body as its cameras see it: bonnet, flanks and tail of a wide car at the lower edge
// of every view. It is the same car in every moment of a rig.
import { hashText, randomStream } from "../tensor/random.ts";
import type { DressedSolid } from "./materials.ts";
import { packSolids } from "./solids.ts";
import type { Street } from "./street.ts";
import { material, PAINTS, pick, solidAt } from "./street_parts.ts";

type Triple = readonly [number, number, number];

// Centre and half extents in the vehicle frame, metres. They are 0.45 to 1.3 m in front of the
// cameras of the built-in rig and hide 5 % of the front view, 12 % of the side-front ones, 26 % of the
// side-rear ones (as in cameras 07 and 08 of DDAD) and 6 % of the rear one.
const PARTS: readonly (readonly [DressedSolid["shape"], Triple, Triple])[] = [
  ["box", [1.05, 0, 0.62], [2.15, 0.92, 0.38]],
  ["ellipsoid", [2.35, 0, 1], [0.92, 0.9, 0.245]],
  ["ellipsoid", [-0.85, 0, 1], [0.55, 0.9, 0.17]],
  ["box", [1.9, 1.14, 0.8], [0.6, 0.11, 0.51]],
  ["box", [1.9, -1.14, 0.8], [0.6, 0.11, 0.49]],
  ["box", [0.3, 1.14, 0.9], [0.95, 0.11, 0.565]],
  ["box", [0.3, -1.14, 0.9], [0.95, 0.11, 0.54]],
];
const KEY = hashText("own car");

/** The street with the car of the rig of this seed around its cameras. */
export function withOwnCar(street: Street, seed: number): Street {
  const { rotation, translation_m } = street.vehicle;
  const yaw = 2 * Math.atan2(rotation[3], rotation[0]);
  const stand = { x: translation_m[0], y: translation_m[1], yaw };
  const stream = randomStream(KEY, seed);
  const paint = material(stream, "polish", pick(stream, PAINTS));
  const car = PARTS.map(([shape, at, half]) => solidAt(stand, shape, at, half, paint));
  const solids = [...street.solids, ...car];
  return { ...street, solids, packed: packSolids(solids), own: street.solids.length };
}
