// The words and signs of a WGSL text with their places. `<` and `>` around the parts of a type are
// told apart from comparisons and shifts.
// Source: "Template Lists" of the WGSL specification. Pure.

/** A word or sign; `open` and `close` are the brackets around the parts of a type. */
export interface Token {
  readonly text: string;
  readonly kind: "name" | "number" | "sign" | "open" | "close";
  readonly start: number;
  readonly end: number;
}

const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER =
  /0[xX][\da-fA-F]*\.?[\da-fA-F]*(?:[pP][-+]?\d+)?[iufh]?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[iufh]?/y;
const SIGN = /<<=|>>=|->|&&|\|\||[-+]{2}|==|!=|<=|>=|<<|>>|[-+*/%&|^]=|[^\s]/uy;

function matchAt(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
}

/** The tokens of a text without comments. */
export function tokensOf(bare: string): Token[] {
  const brackets = typeBrackets(bare);
  const tokens: Token[] = [];
  for (let at = 0; at < bare.length;) {
    if (/\s/.test(bare[at])) {
      at++;
      continue;
    }
    const bracket = brackets.get(at);
    const name = matchAt(NAME, bare, at);
    const number = name === null ? matchAt(NUMBER, bare, at) : null;
    const kind =
      bracket ?? (name !== null ? "name" : number !== null && number !== "" ? "number" : "sign");
    const text =
      bracket === undefined
        ? kind === "name"
          ? name!
          : kind === "number"
            ? number!
            : matchAt(SIGN, bare, at)!
        : bare[at];
    tokens.push({ text, kind, start: at, end: at + text.length });
    at += text.length;
  }
  return tokens;
}

/** The places of `<` and `>` that enclose the parts of a type. */
function typeBrackets(bare: string): Map<number, "open" | "close"> {
  const found = new Map<number, "open" | "close">();
  let candidates: { readonly at: number; readonly depth: number }[] = [];
  let depth = 0;
  for (let at = 0; at < bare.length; at++) {
    const name = matchAt(NAME, bare, at);
    if (name !== null) {
      let next = at + name.length;
      while (/\s/.test(bare[next] ?? "")) next++;
      at += name.length - 1;
      if (bare[next] !== "<") continue;
      if (!"<=".includes(bare[next + 1])) candidates.push({ at: next, depth });
      at = bare[next + 1] === "<" || bare[next + 1] === "=" ? next + 1 : next;
      continue;
    }
    const number = /[\d.]/.test(bare[at]) ? matchAt(NUMBER, bare, at) : null;
    if (number !== null && number !== "") {
      at += number.length - 1;
      continue;
    }
    const letter = bare[at];
    if (letter === ">") {
      const last = candidates.at(-1);
      if (last?.depth === depth) {
        candidates.pop();
        found.set(last.at, "open").set(at, "close");
      } else if (bare[at + 1] === "=") at++;
    } else if ("([".includes(letter)) depth++;
    else if (")]".includes(letter)) {
      candidates = candidates.filter((one) => one.depth < depth);
      depth = Math.max(0, depth - 1);
    } else if (letter === "!" && bare[at + 1] === "=") at++;
    else if (letter === "=" && bare[at + 1] === "=") at++;
    else if (";{:=".includes(letter)) [candidates, depth] = [[], 0];
    else if ("&|".includes(letter) && bare[at + 1] === letter) {
      candidates = candidates.filter((one) => one.depth < depth);
      at++;
    }
  }
  return found;
}
