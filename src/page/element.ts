// Makes elements of the page.

type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** An element with attributes and children; an attribute that is false or null is left out. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** A line that tells what happens, or in red what went wrong. */
export interface StatusLine {
  readonly line: HTMLElement;
  readonly say: (text: string) => void;
  readonly fail: (error: unknown) => void;
}

/** Makes an empty status line. */
export function statusLine(): StatusLine {
  const line = element("p", { class: "status", role: "status" });
  const set = (text: string, isBad: boolean): void => {
    line.textContent = text;
    line.classList.toggle("bad", isBad);
  };
  return {
    line,
    say: (text) => set(text, false),
    fail: (error) => set(error instanceof Error ? error.message : String(error), true),
  };
}

/** A labelled number. */
export function numberField(
  label: string,
  value: number,
  limits: { readonly min: number; readonly max: number; readonly step?: number },
): { readonly field: HTMLElement; readonly input: HTMLInputElement } {
  const { min, max, step = 1 } = limits;
  const input = element("input", { type: "number", value, min, max, step });
  return { field: element("label", {}, label, input), input };
}
