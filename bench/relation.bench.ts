// The problems of `ringdepth bench relation`: tokens of the student's grids, with a teacher of 64
// features.
import type { RelationProblem } from "../src/profile/bench/relation_bench.ts";

const [views, teacher_features] = [6, 64];

/** 60 and 240 tokens per view; 32 features of the nano student and 128 of resnet18. */
export const cases: readonly RelationProblem[] = [60, 240].flatMap((tokens) =>
  [32, 128].map((features) => ({ views, tokens, features, teacher_features })),
);
