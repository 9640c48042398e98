// The files of the shaders: on disk in Node, given by the program elsewhere. No other module reads
// them.
import { nodeModule } from "../tensor/node_module.ts";

/** The files below the folder of the shaders, by their paths in it. */
export interface ShaderFiles {
  /** The text of a file; null if there is none. */
  readonly read: (file: string) => string | null;
  /** The names of the files in the folder itself; throws if it cannot be read. */
  readonly list: () => readonly string[];
  /** The place of a file in errors. */
  readonly place: (file: string) => string;
  /** Whether the texts were compared with the table of shaders before, and need no check now. */
  readonly areChecked: boolean;
}

interface NodeFiles {
  readonly readFileSync: (path: string, encoding: "utf8") => string;
  readonly readdirSync: (path: string) => string[];
}

interface NodeUrls {
  readonly fileURLToPath: (url: URL) => string;
}

let given: ShaderFiles | null = null;

/** Takes all shaders from `files` from now on; null: from disk again. */
export function useShaderFiles(files: ShaderFiles | null): void {
  given = files;
}

/** The files in use; throws if none were given and the program does not run in Node. */
export function shaderFiles(): ShaderFiles {
  const files = given ?? filesOnDisk();
  if (files !== null) return files;
  throw new Error("no shaders: outside Node, give their texts to useShaderFiles first");
}

/**
 * The folder on disk: RINGDEPTH_SHADERS, else shaders/ next to src/ or dist/. The variable allows a
 * modified copy of all shaders to be tried without touching a checkout.
 */
function filesOnDisk(): ShaderFiles | null {
  const files = nodeModule("node:fs") as NodeFiles | null;
  const urls = nodeModule("node:url") as NodeUrls | null;
  if (files === null || urls === null) return null;
  const { RINGDEPTH_SHADERS: other = "" } = process.env;
  const folder =
    other === "" ? urls.fileURLToPath(new URL("../../shaders", import.meta.url)) : other;
  return {
    read: (file) => {
      try {
        return files.readFileSync(`${folder}/${file}`, "utf8");
      } catch {
        return null;
      }
    },
    list: () => files.readdirSync(folder),
    place: (file) =>
      other === "" ? `shaders/${file}` : `${folder.replace(/[\\/]+$/, "")}/${file}`,
    areChecked: false,
  };
}
