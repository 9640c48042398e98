// The texts of the shaders in a page: those without comments that networks run, loaded with the page,
// and those of the repository, loaded when somebody wants to read them.
import type { AdapterFacts } from "../../gpu/device.ts";
import { filesOfTexts, useShaderFiles } from "../../engine/shader_files.ts";

type Texts = Readonly<Record<string, string>>;

async function loadTexts(file: string): Promise<Texts> {
  const response = await fetch(new URL(file, import.meta.url));
  if (!response.ok) throw new Error(`${file}: the page cannot load it (${response.status})`);
  return (await response.json()) as Texts;
}

let sources: Texts = {};
let isReadingSources = false;

/**
 * Loads the texts that an adapter runs, with those for subgroups and for software adapters if it
 * takes them; call it before anything is compiled.
 */
export async function loadShaders({
  features,
  software,
}: Pick<AdapterFacts, "features" | "software">): Promise<void> {
  const names = [
    "shaders.json",
    ...(features.has("subgroups") ? ["shaders_subgroups.json"] : []),
    ...(software ? ["shaders_software.json"] : []),
  ];
  const texts: Texts = Object.assign({}, ...(await Promise.all(names.map(loadTexts))));
  const files = filesOfTexts(texts);
  useShaderFiles({
    ...files,
    read: (file) => (isReadingSources ? (sources[file] ?? null) : files.read(file)),
  });
}

/** Loads the texts of the repository and its snippets. */
export async function loadSources(): Promise<Texts> {
  if (Object.keys(sources).length === 0) sources = await loadTexts("sources.json");
  return sources;
}

/** The result of `work`, which finds the texts of the repository wherever it reads a shader. */
export function withSources<T>(work: () => T): T {
  isReadingSources = true;
  try {
    return work();
  } finally {
    isReadingSources = false;
  }
}
