// Operators that own parameters, such as a head: in a case they are inputs.
import type { Graph } from "../../../src/graph/graph.ts";
import { InputError } from "../../../src/tensor/error.ts";
import { sameShape } from "../../../src/tensor/shape.ts";
import type { Workbench } from "../workbench.ts";

/**
 * A graph whose parameters are inputs of the case: those of the same names, or of the names that
 * `inputOf` gives. Building with it throws InputError for an input of another shape.
 */
export function withInputsAsParameters(
  bench: Workbench,
  inputOf: (parameter: string) => string = (parameter) => parameter,
): Graph {
  return {
    ...bench.graph,
    parameter: (parameter, shape) => {
      const name = inputOf(parameter);
      const value = bench.input(name);
      if (sameShape(value.shape, shape)) return value;
      throw new InputError(
        `input ${name} is [${value.shape.join(", ")}], expected [${shape.join(", ")}]`,
      );
    },
  };
}
