// Insertions into a text that keep all of its lines. Calls are wrapped around parts of the text, the
// inner ones first. Pure.

/** Collects insertions and replacements by their places in the original text. */
export class Edits {
  readonly #opened = new Map<number, string>();
  readonly #closed = new Map<number, string>();
  readonly #replaced = new Map<number, { readonly end: number; readonly text: string }>();

  /** Puts `before` and `after` around a part, outside of everything that is already around it. */
  wrap(start: number, end: number, before: string, after: string): void {
    this.#opened.set(start, before + (this.#opened.get(start) ?? ""));
    this.#closed.set(end, (this.#closed.get(end) ?? "") + after);
  }

  /** Puts a text behind a part and everything that is already around it. */
  append(end: number, text: string): void {
    this.#closed.set(end, (this.#closed.get(end) ?? "") + text);
  }

  /** Puts a text in place of a part that has no other edits. */
  replace(start: number, end: number, text: string): void {
    this.#replaced.set(start, { end, text });
  }

  /** The edited text. */
  apply(text: string): string {
    const places = new Set([
      ...this.#opened.keys(),
      ...this.#closed.keys(),
      ...this.#replaced.keys(),
    ]);
    let [edited, from] = ["", 0];
    for (const at of [...places].toSorted((a, b) => a - b)) {
      edited += text.slice(from, at) + (this.#closed.get(at) ?? "") + (this.#opened.get(at) ?? "");
      const replaced = this.#replaced.get(at);
      edited += replaced?.text ?? "";
      from = replaced?.end ?? at;
    }
    return edited + text.slice(from);
  }
}
