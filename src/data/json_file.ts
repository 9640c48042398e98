// JSON files of a data set, read against a schema: every fault is one line with file and field.
import type { z } from "zod";
import { readBytes } from "../formats/atomic_file.ts";
import { duplicateKey } from "../formats/json_keys.ts";
import { InputError } from "../tensor/error.ts";

/** The value of a JSON file as `schema` gives it; throws InputError naming file and field. */
export async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = Buffer.from(await readBytes(file)).toString("utf8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: not valid JSON: ${(error as Error).message}`);
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new InputError(`${file}: key ${JSON.stringify(twice)} stands twice`);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new InputError(`${file}: ${firstIssue(result.error)}`);
}

/** The first fault that a schema found, as `cameras[0].fx: ...`. */
function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  let path = "";
  for (const key of issue.path) {
    path += typeof key === "number" ? `[${key}]` : `${path === "" ? "" : "."}${String(key)}`;
  }
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
