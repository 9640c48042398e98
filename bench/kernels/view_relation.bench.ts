// The view relation and its loss at the student's sizes.
import {
  viewRelation,
  viewRelationGrad,
  viewRelationLoss,
  viewRelationLossGrad,
} from "../../src/kernels/view_relation.ts";
import type { BenchCase } from "../bench_case.ts";

const tokens = [6, 240, 128];
const relation = [6, 240, 240];
const both = { student: relation, teacher: relation };

/** Six pairs of 240 tokens of 128 features. */
export const cases: readonly BenchCase[] = [
  { name: "relation 6x240x128", kernel: viewRelation, shapes: { tokens }, attributes: undefined },
  {
    name: "gradient 6x240x128",
    kernel: viewRelationGrad,
    shapes: { tokens, d_relation: relation },
    attributes: undefined,
  },
  { name: "loss 6x240x240", kernel: viewRelationLoss, shapes: both, attributes: undefined },
  {
    name: "loss gradient 6x240x240",
    kernel: viewRelationLossGrad,
    shapes: { ...both, d_loss: [1] },
    attributes: undefined,
  },
];
