// The relation `views`: distances and angles between one vector per view, after relational knowledge
// distillation (RKD, Park et al. 2019, arXiv:1904.05068, equations 6 to 9), over ring neighbours.
import { reshape } from "../graph/apply.ts";
import { add, clamp, divide, multiply, scaleShift, subtract } from "../graph/ops/arithmetic.ts";
import { concat } from "../graph/ops/concat.ts";
import { maskedMean } from "../graph/ops/masked_mean.ts";
import { reduce } from "../graph/ops/reduce.ts";
import { slice } from "../graph/ops/slice.ts";
import { unary } from "../graph/ops/unary.ts";
import { normalizeRows } from "../graph/ops/view_relation.ts";
import type { Value } from "../graph/value.ts";
import { ringPairs } from "../kernels/relations/view_relation.ts";

/** Weights of distance and angle in the code of RKD. */
const [DISTANCE_WEIGHT, ANGLE_WEIGHT] = [1, 2];
/** The smallest mean distance that distances are divided by. */
const FLOOR = 1e-6;

/**
 * Huber loss of distances between neighbours, each divided by the mean over pairs, plus twice the
 * loss of the cosine of the angle at the middle of three neighbours. Views without a usable pixel do not
 * count; angles need three views. student [V,1,E], teacher [V,1,F], usable [V,h,w,1] -> [1].
 */
export function viewVectorLoss(student: Value, teacher: Value, usable: Value): Value {
  const [views] = usable.shape;
  const seen = unary(reduce(usable, "sum", { axes: [1, 2, 3] }), "sign");
  const [of_student, of_teacher] = [student, teacher].map((vectors) =>
    reshape(vectors, [views, vectors.shape[2]]),
  );
  const first = (x: Value): Value =>
    slice(
      x,
      x.shape.map(() => 0),
      [ringPairs(views), ...x.shape.slice(1)],
    );
  const both = first(multiply(seen, next(seen)));
  const distances = (vectors: Value): Value => {
    const apart = subtract(first(next(vectors)), first(vectors));
    // |x| as x . x / |x|, whose gradient is finite at 0
    const length = inner(apart, normalizeRows(apart));
    return divide(length, clamp(maskedMean(length, both).mean, FLOOR, 1e30));
  };
  const distance = huberMean(distances(of_student), distances(of_teacher), both);
  if (views < 3) return scaleShift(distance, DISTANCE_WEIGHT, 0);
  const angles = (vectors: Value): Value =>
    inner(
      normalizeRows(subtract(vectors, next(vectors))),
      normalizeRows(subtract(next(next(vectors)), next(vectors))),
    );
  const all = multiply(multiply(seen, next(seen)), next(next(seen)));
  const angle = huberMean(angles(of_student), angles(of_teacher), all);
  return add(scaleShift(distance, DISTANCE_WEIGHT, 0), scaleShift(angle, ANGLE_WEIGHT, 0));
}

/** The ring turned by one: row v of the result is row v + 1. */
function next(x: Value): Value {
  const [views, ...rest] = x.shape;
  if (views < 2) return x;
  const start = x.shape.map(() => 0);
  const tail = slice(x, [1, ...start.slice(1)], [views - 1, ...rest]);
  return concat([tail, slice(x, start, [1, ...rest])], 0);
}

/** Inner product of rows. a, b [n,E] -> [n]. */
function inner(a: Value, b: Value): Value {
  return reduce(multiply(a, b), "sum", { axes: [1] });
}

/** Mean over a mask of h(a - b), h(x) = x^2 / 2 up to |x| = 1 and |x| - 1/2 beyond. */
function huberMean(a: Value, b: Value, mask: Value): Value {
  const apart = subtract(a, b);
  const inside = clamp(apart, -1, 1);
  const h = multiply(inside, subtract(apart, scaleShift(inside, 0.5, 0)));
  return maskedMean(h, mask).mean;
}
