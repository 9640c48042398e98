// The name of a shader's text in saved runs and files of choices.
import { sha256 } from "../formats/sha256.ts";

/** The first 16 hexadecimal digits of the SHA-256 of a shader's text. */
export function shaderHash(code: string): string {
  return sha256(code).slice(0, 16);
}
