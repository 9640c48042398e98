// The files of the shaders: on disk in Node, given by the program elsewhere. No other module reads
// them.
import { InputError } from "../tensor/error.ts";
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

/**
 * Takes all shaders from `texts`, which `ringdepth/shaders` exports, from now on. For programs without
 * a file system, such as pages; call it before anything is compiled. Throws InputError for anything
 * else than texts by file name.
 */
export function useShaders(texts: Readonly<Record<string, string>>): void {
  const found: unknown = texts;
  const isRecord = typeof found === "object" && found !== null;
  if (!isRecord || !Object.values(found).every((text) => typeof text === "string")) {
    throw new InputError("useShaders: expected texts by file name, as ringdepth/shaders has them");
  }
  useShaderFiles(filesOfTexts(texts));
}

/**
 * The files in texts of the build, which compared them with the table of shaders. They have no
 * comments, and a line `#name` in place of each snippet.
 */
export function filesOfTexts(texts: Readonly<Record<string, string>>): ShaderFiles {
  return {
    read: (file) =>
      texts[file]?.replace(/^#(\w+)$/gm, (_, name: string) => texts[`lib/${name}.wgsl`]) ?? null,
    list: () => Object.keys(texts),
    place: (file) => `shaders/${file}`,
    areChecked: true,
  };
}

/** The files in use; throws InputError if none were given and the program does not run in Node. */
export function shaderFiles(): ShaderFiles {
  const files = given ?? filesOnDisk();
  if (files !== null) return files;
  throw new InputError(
    "no shaders: outside Node, call useShaders(shaders) first, with the shaders of ringdepth/shaders",
  );
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
