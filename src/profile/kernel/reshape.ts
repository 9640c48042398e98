// Problems with other shapes: whole shapes of inputs, or the length of an axis that the twin
// declares, in all inputs alike. Attributes and distributions are kept.
import type { AnyKernel } from "../../engine/kernel.ts";
import type { Distribution, Problem } from "../../engine/problem.ts";
import { axisLengths, layoutOf, lettersOf, withAxisLength } from "./axis_lengths.ts";
import { InputError } from "../../tensor/error.ts";
import { formatShape, size, type Shape } from "../../tensor/shape.ts";

/** Lengths of an axis, one problem each. */
export interface AxisLengths {
  readonly letter: string;
  readonly lengths: readonly number[];
}

/** The shapes to replace in a problem. */
export interface ShapeChanges {
  /** By input. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Several axes make every combination. */
  readonly axes: readonly AxisLengths[];
}

// Axes that are numbers among the attributes of kernels and that no input has.
const AXIS_ATTRIBUTES: Readonly<Record<string, string>> = { K: "bins" };

/**
 * The problems that result from a problem of `kernel` and the changes, each named after its
 * changes. Throws InputError naming kernel and shapes if an input or axis does not belong to the
 * kernel, or if the twin refuses the shapes.
 */
export function reshaped(
  kernel: AnyKernel,
  problem: Problem,
  { shapes, axes }: ShapeChanges,
): Problem[] {
  let problems = [Object.keys(shapes).length === 0 ? problem : withShapes(kernel, problem, shapes)];
  for (const { letter, lengths } of axes) {
    problems = problems.flatMap((one) =>
      lengths.map((length) => withAxis(kernel, one, letter, length)),
    );
  }
  return problems;
}

/** The names of the tensors that a kernel reads. */
function inputsOf({ shader }: AnyKernel): string[] {
  return shader.bindings.filter(({ access }) => access !== "write").map(({ name }) => name);
}

function withShapes(
  kernel: AnyKernel,
  problem: Problem,
  shapes: Readonly<Record<string, Shape>>,
): Problem {
  const inputs = inputsOf(kernel);
  const stray = Object.keys(shapes).find((name) => !inputs.includes(name));
  if (stray !== undefined) {
    throw new InputError(
      `--shape ${stray}: ${kernel.shader.name} has no such input; it has ${inputs.join(", ")}`,
    );
  }
  const named = Object.entries(shapes).map(([name, shape]) => `${name}=${shape.join("x")}`);
  const changed = { ...problem.shapes, ...shapes };
  return fitting(kernel, {
    ...problem,
    name: [problem.name, ...named].join(", "),
    shapes: changed,
    ...dataFor(problem, changed),
  });
}

function withAxis(kernel: AnyKernel, problem: Problem, letter: string, length: number): Problem {
  const { name } = kernel.shader;
  const inputs = inputsOf(kernel);
  const layout = layoutOf(kernel);
  const named = `${problem.name}, ${letter}=${length}`;
  const letters = lettersOf(layout, inputs);
  const attribute = AXIS_ATTRIBUTES[letter];
  if (!letters.includes(letter) && attribute in ((problem.attributes as object | null) ?? {})) {
    const attributes = { ...(problem.attributes as object), [attribute]: length };
    return fitting(kernel, { ...problem, name: named, attributes });
  }
  const fail = (why: string): never => {
    throw new InputError(
      `--axis ${letter}=${length}: ${name}${why}; use --shape NAME=AxBx… instead`,
    );
  };
  if (letters.length === 0) fail(" takes tensors of any shape and names no axes");
  if (!letters.includes(letter))
    fail(` has no axis ${letter}, its inputs have ${letters.join(" ")}`);
  const own = Object.fromEntries(inputs.map((input) => [input, problem.shapes[input]]));
  const lengths = axisLengths(layout, own, problem.attributes);
  if (lengths.length === 0) {
    fail(`, ${problem.name}: ${shapesText(own)} does not match its declared axes`);
  }
  if (lengths.every((one) => !one.has(letter)))
    fail(` has ${letter} only as a part of other lengths`);
  const answers = withAxisLength(layout, own, problem.attributes, letter, length);
  if (answers.length === 0)
    fail(`, ${problem.name}: an axis that depends on ${letter} would not be a whole number`);
  // If there are several, take the one whose letters the twin interprets as its axes do.
  const taken = (shapes: Readonly<Record<string, Shape>> | null): boolean =>
    shapes !== null && refusal(kernel, { ...problem, shapes }) === "";
  const { shapes } =
    answers.find(({ probe }) => taken(probe)) ??
    answers.find((answer) => taken(answer.shapes)) ??
    answers[0];
  return fitting(kernel, {
    ...problem,
    name: named,
    shapes: { ...problem.shapes, ...shapes },
    ...dataFor(problem, shapes),
  });
}

/** The problem itself; throws InputError with the twin's own message if it refuses the shapes. */
function fitting(kernel: AnyKernel, problem: Problem): Problem {
  const why = refusal(kernel, problem);
  if (why === "") return problem;
  const own = Object.fromEntries(inputsOf(kernel).map((name) => [name, problem.shapes[name]]));
  throw new InputError(`${kernel.shader.name}, ${shapesText(own)}: ${why}`);
}

/** The twin's reason to refuse a problem; empty if it accepts it. */
function refusal(kernel: AnyKernel, { shapes, attributes }: Problem): string {
  const large = Object.entries(shapes).find(([, shape]) => size(shape) > LARGEST);
  if (large !== undefined) return `${large[0]} has more than ${LARGEST} numbers`;
  try {
    kernel.shapes(shapes, attributes);
    kernel.params(shapes, attributes);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

// The maximum numbers of one tensor: 4 GiB, beyond which no adapter binds it.
const LARGEST = 2 ** 30;

function shapesText(shapes: Readonly<Record<string, Shape>>): string {
  return Object.entries(shapes)
    .map(([name, shape]) => `${name}${formatShape(shape)}`)
    .join(" ");
}

/** Pixels of a binomial are drawn for as many bins as the table of its coefficients has. */
export function dataFor(
  { data = {} }: Pick<Problem, "data">,
  shapes: Readonly<Record<string, Shape>>,
): { readonly data: Readonly<Record<string, Distribution>> } {
  const bins = shapes["log_choose"]?.[0];
  const entries = Object.entries(data).map(([name, distribution]) =>
    distribution?.kind === "binomial_rows" && bins !== undefined
      ? [name, { ...distribution, bins }]
      : [name, distribution],
  );
  return { data: Object.fromEntries(entries) as Record<string, Distribution> };
}
