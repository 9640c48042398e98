// view_relation against its reference.
import {
  viewRelation,
  viewRelationGrad,
  viewRelationLoss,
  viewRelationLossGrad,
} from "../../src/kernels/view_relation.ts";
import { checkKernels } from "../support/check_kernel.ts";

checkKernels(viewRelation, viewRelationGrad, viewRelationLoss, viewRelationLossGrad);
