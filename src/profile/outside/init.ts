// The sidecar that `--init` writes: everything that is known and assumed about a shader, as a text
// to edit. Pure.
import type { OutsideProblem } from "./problem.ts";
import type { Amount, BufferSettings, ShaderSettings } from "./settings.ts";

/** The settings of a problem, complete; lengths are written by the names they depend on. */
export function completeSettings(problem: OutsideProblem): ShaderSettings {
  const { settings, buffers, numbers, entry, grid, threads, declarations } = problem;
  const overrides = declarations.overrides.map(({ name, type }) => {
    return [name, type === "bool" ? numbers[name] !== 0 : numbers[name]] as const;
  });
  const isOverride = new Set(declarations.overrides.map(({ name }) => name));
  const isLength = (name: string): boolean => name.endsWith(".length");
  // Each number once, under the shorter of its names.
  const values = Object.entries(numbers).filter(([name]) => {
    const isShort = !Object.keys(numbers).some((other) => name.endsWith(`.${other}`));
    return !isOverride.has(name) && !isLength(name) && isShort;
  });
  const changed = new Set(
    buffers.filter(({ space }) => space === "read_write").map(({ name }) => name),
  );
  const set = values.filter(([name]) => !changed.has(name.split(".")[0]));
  return {
    ...(declarations.entries.length > 1 && { entry }),
    ...(overrides.length > 0 && { overrides: Object.fromEntries(overrides) }),
    ...(set.length > 0 && { values: { ...Object.fromEntries(set), ...settings.values } }),
    buffers: Object.fromEntries(
      buffers
        .filter(({ space }) => space !== "uniform")
        .map((one) => [one.name, bufferText(problem, one)]),
    ),
    ...(threads === null
      ? { grid: settings.grid ?? grid }
      : { threads: settings.threads ?? threads.map((n) => named(problem, n)) }),
    ...(settings.reference !== undefined && { reference: settings.reference }),
    ...(settings.tolerance !== undefined && { tolerance: settings.tolerance }),
    flops: settings.flops ?? null,
    bytes: settings.bytes ?? leastBytes(problem),
  };
}

function bufferText(
  problem: OutsideProblem,
  { name, layout, shape, count, data, access, space }: OutsideProblem["buffers"][number],
): BufferSettings {
  const given = problem.settings.buffers?.[name]?.shape;
  const isOpen = layout.array?.count === null;
  const axes = given ?? (isOpen ? [named(problem, count)] : shape);
  return {
    ...(isOpen && { shape: axes }),
    ...(access === "input" || access === "inout" ? { data } : {}),
    ...(space === "read_write" && access !== "input" && { access }),
  };
}

/** A length by the name or the product of two names that it equals. */
function named({ lengths, numbers }: OutsideProblem, count: number): Amount {
  const one = lengths.find((name) => numbers[name] === count);
  if (one !== undefined) return one;
  for (const [i, a] of lengths.entries()) {
    for (const b of lengths.slice(i)) if (numbers[a] * numbers[b] === count) return `${a} * ${b}`;
  }
  return count;
}

/** Every buffer once for each direction in which it crosses the bus. */
function leastBytes({ buffers }: OutsideProblem): string {
  const terms = buffers.flatMap(({ name, layout, access }) => {
    if (layout.array === null || access === "scratch") return [];
    const bytes = (access === "inout" ? 2 : 1) * layout.array.stride;
    return [`${bytes} * ${name}.length`];
  });
  return terms.length === 0 ? "0" : terms.join(" + ");
}

/** A line that begins a reference module, with the names of this shader. */
export function referenceExample({ buffers, numbers, declarations }: OutsideProblem): string {
  const read = buffers.filter(
    ({ access, layout }) => (access === "input" || access === "inout") && layout.array !== null,
  );
  const outputs = buffers.filter(({ access }) => access === "output" || access === "inout");
  const overrides = declarations.overrides.map(({ name }) => name);
  const names = Object.keys(numbers).filter((name) => /^\w+$/.test(name));
  const scalars = [...new Set([...names, ...overrides])].join(", ");
  const list = (of: readonly { readonly name: string }[]): string =>
    of.map(({ name }) => name).join(", ");
  return `export default ({ ${list(read)} }, { ${scalars} }) => ({ ${outputs.map(({ name }) => `${name}: ...`).join(", ")} });`;
}
