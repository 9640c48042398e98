// Facts of adapters between which the mapping rules distinguish, for tests that need no device.
import type { AdapterFacts } from "../../src/gpu/device.ts";

/** A GPU with subgroups of 32. */
export const NVIDIA: AdapterFacts = {
  name: "NVIDIA H200",
  vendor: "nvidia",
  architecture: "hopper",
  driver: "NVIDIA 570",
  software: false,
  subgroup_size: 32,
  subgroup_min_size: 32,
  subgroup_max_size: 32,
  features: new Set(["timestamp-query", "subgroups", "shader-f16"]),
  matrices: [],
};

/** A software adapter with subgroups of 8. */
export const LAVAPIPE: AdapterFacts = {
  name: "llvmpipe",
  vendor: "mesa",
  architecture: "",
  driver: "Mesa 25.0.7",
  software: true,
  subgroup_size: 8,
  subgroup_min_size: 8,
  subgroup_max_size: 8,
  features: new Set(["timestamp-query", "subgroups"]),
  matrices: [],
};

/** A software adapter with subgroups of 4. */
export const SWIFTSHADER: AdapterFacts = {
  ...LAVAPIPE,
  name: "SwiftShader Device",
  vendor: "google",
  driver: "SwiftShader 5.0",
  subgroup_size: 4,
  subgroup_min_size: 4,
  subgroup_max_size: 4,
};
