// Elementwise non-linearities against their references, and their gradients.
import {
  elu,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  softplus,
  tanh,
} from "../../src/graph/ops/activation.ts";
import type { Value } from "../../src/graph/value.ts";
import {
  activation,
  activationGrad,
  activationGradSubgroup,
  activationGradVec4,
  activationSubgroup,
  activationVec4,
  type Activation,
} from "../../src/kernels/activation.ts";
import { withOp } from "../support/check_gradient.ts";
import { checkKernels } from "../support/check_kernel.ts";

const ops: Record<Activation, (x: Value, alpha: number) => Value> = {
  relu,
  leaky_relu: leakyRelu,
  elu,
  gelu,
  sigmoid,
  softplus,
  tanh,
};
checkKernels(
  withOp(activation, ({ x }, { kind, alpha }) => ops[kind](x, alpha)),
  activationVec4,
  activationSubgroup,
  activationGrad,
  activationGradVec4,
  activationGradSubgroup,
);
