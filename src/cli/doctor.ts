// `ringdepth doctor`: this machine's adapter, its abilities and its ceilings; without an adapter,
// how to get one.
import { freemem, totalmem } from "node:os";
import type { Command } from "commander";
import type { AdapterFacts, Gpu } from "../gpu/device.ts";
import { NoAdapterError } from "../gpu/errors.ts";
import { hasTimestamps, timerQuantum_ns } from "../gpu/timestamps.ts";
import { mappingLine, reasonedMapping, type ReasonedMapping } from "../engine/mapping_reason.ts";
import { kernels } from "../kernels/kernels.ts";
import { readCache } from "../measure/cache_file.ts";
import { ceilingsFile, readCeilings, type Ceilings } from "../measure/ceilings.ts";
import { cachedFile } from "../measure/environment.ts";
import { printable } from "../tensor/printable.ts";
import { withGpu } from "./terminal/adapter.ts";
import type { Define } from "./terminal/define.ts";
import { EXIT } from "./terminal/exit_code.ts";
import { common, type CommonOptions } from "./terminal/options.ts";
import { makeOutput } from "./terminal/output.ts";
import { ceilingsLines, ceilingsTable } from "./terminal/profile_table.ts";
import type { Output } from "./terminal/surroundings.ts";
import { tableLines } from "./terminal/table.ts";
import { knownCeilings } from "../measure/known_ceilings.ts";

const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** The kernels that take most of a step's time, by their base. */
const FAMILIES: readonly string[] = [
  "gemm",
  "conv2d",
  "conv2d_grad_input",
  "conv2d_grad_weight",
  "bin_head",
  "bin_head_grad_features",
  "bin_head_grad_weight",
  "bin_decode",
  "attention",
];

const WITHOUT_ADAPTER = `no WebGPU adapter on this machine
  with a GPU          install its Vulkan driver (NVIDIA, Mesa); in a container, pass the GPU through
  no GPU, in a clone  npm run setup installs a software adapter: lavapipe as root, else SwiftShader
  no GPU, elsewhere   install lavapipe: mesa-vulkan-drivers on Debian (12: from backports) or Ubuntu
  macOS, Windows      nothing to install: Metal and D3D12 come with the system`;

/** Defines the command. */
export const defineDoctor: Define = (program: Command, { surroundings, exit }) => {
  const command = program
    .command("doctor")
    .option("--quick", "show known ceilings only; measure none");
  common(command, "ringdepth doctor");
  command.action(async (options: CommonOptions & { readonly quick?: boolean }) => {
    const output = makeOutput(surroundings, options.json === true, true);
    try {
      await withGpu(surroundings, output, options.adapter, async (gpu) => {
        const found = await examine(gpu);
        const ceilings = await ceilingsOf(gpu, output, found, options.quick === true);
        const lines = [
          ...describe(found),
          ...describeMappings(found),
          ...describeCeilings(ceilings),
        ];
        output.result({ ...found, ceilings }, lines);
      });
    } catch (error) {
      if (!(error instanceof NoAdapterError) || options.adapter !== undefined) throw error;
      output.result({ adapter: null }, []);
      output.warn(WITHOUT_ADAPTER);
      exit(EXIT.noAdapter);
    }
  });
};

/** The facts about an adapter. */
interface Findings {
  readonly adapter: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  readonly software: boolean;
  readonly subgroup_size: number;
  readonly subgroup_min_size: number;
  readonly subgroup_max_size: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<(typeof LIMITS)[number], number>>;
  /** Smallest step of its clock; null if it does not report GPU times. */
  readonly timer_quantum_ns: number | null;
  readonly host_memory_bytes: { readonly total: number; readonly free: number };
  /** The mappings by rule of the main families, which a tuning file may replace. */
  readonly mappings: readonly FamilyMapping[];
}

async function examine(gpu: Gpu): Promise<Findings> {
  const { facts, limits } = gpu;
  const { name, vendor, architecture, driver, software, features } = facts;
  const { subgroup_size, subgroup_min_size, subgroup_max_size } = facts;
  return {
    adapter: name,
    vendor,
    architecture,
    driver,
    software,
    subgroup_size,
    subgroup_min_size,
    subgroup_max_size,
    features: [...features],
    limits: Object.fromEntries(LIMITS.map((limit) => [limit, limits[limit]])) as Findings["limits"],
    timer_quantum_ns: hasTimestamps(gpu) ? await timerQuantum_ns(gpu) : null,
    host_memory_bytes: { total: totalmem(), free: freemem() },
    mappings: mappingsByRule(facts),
  };
}

/** A family's mapping on one problem, and those that the rule takes on others. */
export interface FamilyMapping extends ReasonedMapping {
  readonly others: readonly string[];
}

/**
 * The mapping by rule of each main family, on the first problem that its base is checked on, and
 * those on the other problems.
 */
export function mappingsByRule(facts: AdapterFacts): FamilyMapping[] {
  return FAMILIES.map((family) => {
    const base = kernels.find(({ shader }) => shader.name === family)!;
    const [first, ...more] = base.cases.map(({ shapes, attributes }) =>
      reasonedMapping(base, facts, shapes, attributes),
    );
    const methods = new Set(more.map(({ method }) => method));
    methods.delete(first.method);
    return { ...first, others: [...methods].toSorted() };
  });
}

/** The known ceilings, or new ones measured now; null, with a warning, if there are none. */
async function ceilingsOf(
  gpu: Gpu,
  output: Output,
  { timer_quantum_ns }: Findings,
  quick: boolean,
): Promise<Ceilings | null> {
  try {
    if (timer_quantum_ns !== null && !quick) {
      return await knownCeilings({ gpu, output }, timer_quantum_ns);
    }
    return await readCache(cachedFile(ceilingsFile, gpu.facts), readCeilings, output.warn);
  } catch (error) {
    output.warn(`no ceilings: ${printable((error as Error).message)}`);
    return null;
  }
}

function describeMappings({ mappings }: Findings): string[] {
  const lines = mappings.map((mapping) => {
    const others =
      mapping.others.length > 0 ? `; on other shapes ${mapping.others.join(", ")}` : "";
    return `  ${mappingLine(mapping)}${others}`;
  });
  return ["mappings by rule", ...lines];
}

function describeCeilings(ceilings: Ceilings | null): string[] {
  if (ceilings === null) return ["ceilings not measured"];
  const lines = [...tableLines(ceilingsTable(ceilings), "table"), ...ceilingsLines(ceilings)];
  return [`ceilings measured ${ceilings.date.slice(0, 10)}`, ...lines.map((line) => `  ${line}`)];
}

function describe(found: Findings): string[] {
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const { timer_quantum_ns, host_memory_bytes, limits } = found;
  const { subgroup_size, subgroup_min_size, subgroup_max_size } = found;
  const subgroups =
    subgroup_size === 0 ? `${subgroup_min_size} to ${subgroup_max_size}` : String(subgroup_size);
  const rows = [
    ["kind", found.software ? "software: a CPU pretending to be a GPU" : "hardware"],
    ["driver", found.driver],
    ["vendor", [found.vendor, found.architecture].filter((text) => text !== "").join(", ")],
    ["features", found.features.join(", ")],
    ["subgroup size", found.features.includes("subgroups") ? subgroups : "no subgroups"],
    ["timer quantum", timer_quantum_ns === null ? "no GPU timestamps" : `${timer_quantum_ns} ns`],
    [
      "host memory",
      `${gibibytes(host_memory_bytes.free)} free of ${gibibytes(host_memory_bytes.total)}`,
    ],
    ...LIMITS.map((limit) => [limit, limits[limit].toLocaleString("en-US")]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
