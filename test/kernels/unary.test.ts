// Elementary functions of one tensor against their references, and their gradients.
import { unary as unaryOp } from "../../src/graph/ops/unary.ts";
import { UNARY_KINDS, unary, unaryGrad, type UnaryKind } from "../../src/kernels/unary.ts";
import type { Distribution } from "../../src/kernels/kernel.ts";
import { checkGradient } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(unary, unaryGrad);

// clear of kinks, jumps and poles
const domains: Partial<Record<UnaryKind, Distribution>> = {
  floor: { kind: "uniform", low: 0.1, high: 0.9 },
  ceil: { kind: "uniform", low: 0.1, high: 0.9 },
  round: { kind: "uniform", low: 0.1, high: 0.4 },
  clamp: { kind: "uniform", low: -1, high: 2 },
};
const linear: readonly UnaryKind[] = ["identity", "negate"];
for (const kind of UNARY_KINDS) {
  checkGradient(
    kind,
    (g) => {
      const x = g.input("x", [5, 3]);
      return { output: unaryOp(x, kind, -2, 3), wrt: [x] };
    },
    {
      data: { x: domains[kind] ?? { kind: "uniform", low: 0.3, high: 1.2 } },
      linear: linear.includes(kind),
    },
  );
}
