// Node's own modules without an import, so that a file that can do without them also runs in a page.

type ModuleOf = (name: string) => unknown;

/** A module of Node, such as `node:fs`; null where the program does not run in Node. */
export function nodeModule(name: string): unknown {
  const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: ModuleOf } };
  return process?.getBuiltinModule?.(name) ?? null;
}
