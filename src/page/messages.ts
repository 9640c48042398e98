// What the page and its worker say to each other. Types only: the page must not load the engine.
import type { Camera, ImageSize } from "../data/camera.ts";

/** The adapter as the page shows it. */
export interface AdapterReport {
  readonly name: string;
  readonly software: boolean;
  /** Whether the GPU has a clock; without one, times are those of this thread. */
  readonly has_timestamps: boolean;
  readonly has_subgroups: boolean;
  readonly has_f16: boolean;
}

/** A moment with a depth of each pixel, in ring order. */
export interface Views extends ImageSize {
  readonly title: string;
  readonly cameras: readonly Camera[];
  /** `[V, H, W, 3]` sRGB bytes. */
  readonly images: Uint8Array;
  /** `[V, H, W]` metres. */
  readonly depth_m: Float32Array;
  /** `[V, H, W]` true metres, 0 = sky; null where nobody knows them. */
  readonly truth_m: Float32Array | null;
  readonly cap_m: number;
  /** The source of the depth, such as "student after 120 steps". */
  readonly by: string;
}

/** The choices of a person before training. */
export interface TrainingChoice extends ImageSize {
  readonly steps: number;
  readonly seed: number;
  /** Moments of the built-in rig. */
  readonly moments: number;
  /** Whether the built-in teacher is distilled. */
  readonly teacher: boolean;
}

/** One step, counted from 1. */
export interface StepReport {
  readonly step: number;
  readonly loss: number;
  readonly learning_rate: number;
  readonly gradient_norm: number;
  readonly time_ms: number;
}

/** The end of a training. */
export interface TrainingEnd {
  readonly steps: number;
  readonly stopped: boolean;
}

/** A moment to predict: the built-in one, or dropped files. */
export type PredictChoice =
  | { readonly kind: "builtin"; readonly index: number }
  | { readonly kind: "files"; readonly rig: string; readonly images: readonly File[] };

/** The student that predicts. */
export type StudentChoice =
  | { readonly kind: "trained" }
  | { readonly kind: "sample" }
  | { readonly kind: "file"; readonly name: string; readonly bytes: Uint8Array };

/** A kernel of the repository and the names of its problems that run on this adapter. */
export interface KernelEntry {
  readonly name: string;
  readonly cases: readonly string[];
}

/** A time with its interval. */
export interface TimeReport {
  readonly median_ms: number;
  readonly low_ms: number;
  readonly high_ms: number;
}

/** The result of a kernel: its fault, else its time and what it reaches. */
export interface KernelReport {
  readonly verdict: "OK" | "WRONG";
  /** The fault; empty if it is right. */
  readonly error: string;
  /** The cases that were compared with the reference: this problem, or the kernel's own. */
  readonly checked: "case" | "kernel" | "none";
  readonly time: TimeReport | null;
  /** Operations and bytes of the problem. */
  readonly flops: number;
  readonly bytes: number;
  /** The change against the repository's text; null where the text is the same. */
  readonly comparison: {
    readonly verdict: "SAME" | "FAST" | "SLOW" | "AMBIGUOUS";
    readonly text: string;
  } | null;
}

/** Each question of the page with its answer. */
export interface Questions {
  readonly open: { readonly ask: null; readonly answer: AdapterReport };
  readonly train: { readonly ask: TrainingChoice; readonly answer: TrainingEnd };
  readonly pause: { readonly ask: boolean; readonly answer: null };
  readonly stop: { readonly ask: null; readonly answer: null };
  readonly student: { readonly ask: null; readonly answer: Uint8Array };
  readonly predict: {
    readonly ask: { readonly moment: PredictChoice; readonly student: StudentChoice };
    readonly answer: Views;
  };
  readonly kernels: { readonly ask: null; readonly answer: readonly KernelEntry[] };
  readonly source: { readonly ask: string; readonly answer: string };
  readonly kernel: {
    readonly ask: { readonly name: string; readonly case: string; readonly code: string };
    readonly answer: KernelReport;
  };
}

/** The messages of the worker that nobody asked for. */
export interface News {
  readonly step: StepReport;
  readonly views: Views;
  readonly progress: string;
}

/** A message to the worker. */
export interface Ask {
  readonly id: number;
  readonly name: keyof Questions;
  readonly value: unknown;
}

/** A message of the worker: the answer to a question, its error, or news. */
export type Told =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly news: keyof News; readonly value: unknown };
