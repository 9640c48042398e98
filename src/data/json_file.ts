// JSON files of a data set, read against a schema: every fault is one line with file and field.
import { join } from "node:path";
import type { z } from "zod";
import { readInside } from "../formats/inside_root.ts";
import { parseJson } from "../formats/json.ts";
import { LIMITS } from "../formats/limits.ts";
import { InputError } from "../tensor/error.ts";

/**
 * The value of the JSON file `root`/`name`, parsed by `schema`; the file must be below `root` after
 * links are resolved. Throws InputError naming file and field.
 */
export async function readJson<T>(root: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const file = join(root, name);
  const value = parseJson(await readInside(root, name, LIMITS.json_bytes), file);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InputError(`${file}: ${firstIssue(result.error)}`);
}

/** The first fault that a schema found, such as `cameras[0].fx: ...`. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  let path = "";
  for (const key of issue.path) {
    path += typeof key === "number" ? `[${key}]` : `${path === "" ? "" : "."}${String(key)}`;
  }
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
