// Phrases that a native reader has to read twice, and where they occur: in the string literals or
// the comments of a source file, or in a page outside generated regions.

/** A phrase to avoid. */
export interface OddPhrase {
  readonly pattern: RegExp;
  readonly reason: string;
  /** An example that the pattern finds, and the same said plainly. */
  readonly odd: string;
  readonly plain: string;
}

/** A place where a phrase was found. */
export interface Finding {
  /** Line number, counted from 1. */
  readonly line: number;
  readonly found: string;
  readonly phrase: OddPhrase;
}

const AMOUNTS =
  "seconds|ms|us|rounds|rows?|invocations?|centres|centers|columns?|outputs?|values|bins|rigs|bytes|twins?|verdict|samples|terms|multiply-adds|subgroup|subgroup of 8|maps?|constants?|layout|lines";
const UNITS =
  "second|pixel|row|problem|step|kernel|token|key|query|channel|column|image|bin|view|camera|moment|pass|pair|workgroup|invocation";

export const ODD_PHRASES: readonly OddPhrase[] = [
  {
    pattern: new RegExp(`\\b(?:${AMOUNTS}) an? (?:host |[a-z]+ )?(?:${UNITS})\\b`, "i"),
    reason: '"a" for "per"',
    odd: "maximum seconds of rounds a problem",
    plain: "maximum seconds of rounds per problem",
  },
  {
    pattern:
      /\b(?:is|are|was|were) of (?:an?|one|two|three|several|kernels|these|those|this|its) ?/i,
    reason: '"of" as a predicate',
    odd: "--save is of kernels",
    plain: "--save applies to kernels",
  },
  {
    pattern: /(?<=^|[.!?:;]\s+)Of (?:the|an?|all|those|these|both|several|two)\b/,
    reason: 'a sentence that begins with "Of"',
    odd: "Of the ceilings, the highest is kept",
    plain: "The highest ceiling is kept",
  },
  {
    pattern:
      /\b(?:gradients?|derivatives?)\b(?: of [\w .-]{1,40})? by (?:the|its|each|one of|weight|features)\b/i,
    reason: '"by" for "with respect to"',
    odd: "gradient of attention by the queries",
    plain: "gradient of attention with respect to the queries",
  },
  {
    pattern: /\bin turn\b/i,
    reason: '"in turn" for "interleaved"',
    odd: "two kernels timed in turn",
    plain: "two kernels timed interleaved",
  },
  {
    pattern: /(?<![-\w])anew\b/i,
    reason: '"anew" for "again"',
    odd: "measure it anew",
    plain: "measure it again with --anew",
  },
  {
    pattern: /\b(?:go|goes|going|went) by\b/i,
    reason: '"goes by" for "uses" or "follows"',
    odd: "train goes by the file",
    plain: "train uses the file",
  },
  {
    pattern: /\b(?:go|goes|going|went) on (?:with|without|after|from)\b/i,
    reason: '"goes on" for "continues"',
    odd: "go on with --resume",
    plain: "continue with --resume",
  },
  {
    pattern: /--[\w-]+ (?:does not go|goes) with\b/,
    reason: '"goes with" for "needs", "does not go with" for "cannot be combined with"',
    odd: "--lenient goes with --gate",
    plain: "--lenient needs --gate",
  },
  {
    pattern: /\b(?:held|holds?|holding)\b[^.;:,]{0,40}\bagainst\b/i,
    reason: '"held against" for "compared with" or "checked against"',
    odd: "hold kernels against their references",
    plain: "check kernels against their references",
  },
  {
    pattern: /\b(?:least|most) (?:seconds?|rounds?|samples?|GPU memory)\b/i,
    reason: '"least" and "most" for "minimum" and "maximum"',
    odd: "least seconds of samples",
    plain: "minimum sampling time in seconds",
  },
  {
    pattern:
      /\bwhat of (?:the|an?|each|its)\b|\bwhat (?:is|are) (?:chosen|wanted|asked|told|held)\b/i,
    reason: 'a noun made of "what"',
    odd: "time what is chosen between",
    plain: "time the alternatives",
  },
  {
    pattern: /\b(?:so it is when|stands? twice|stands in\b(?! (?:the|an?) ))/i,
    reason: "a phrase taken over from another language",
    odd: "the camera stands twice",
    plain: "the camera appears twice",
  },
  {
    pattern: /\b(?:at most|measure|train) so (?:many|often)\b/i,
    reason: '"so many" for "this many"',
    odd: "at most so many moments",
    plain: "at most this many moments",
  },
  {
    pattern: /\bwhat(?:ever)? (?:becomes|became) of\b|\bwhat [\w ]{1,30} (?:comes|came) to\b/i,
    reason: '"what becomes of it", "what it comes to" for the result',
    odd: "the result stands, whatever becomes of the files",
    plain: "the result is valid even if the files cannot be written",
  },
  {
    pattern: /\bwhere (?:one|that|it|they|none) (?:is|are|was|were) (?:asked for|wanted|given)\b/i,
    reason: '"where" for "if"',
    odd: "writes the page where one is asked for",
    plain: "writes the page if one was requested",
  },
  {
    pattern: /\b(?:lies?|stands?) beside\b|\bas (?:it|they) (?:lies?|stands?)\b/i,
    reason: '"lies" and "stands" for "is"',
    odd: "the shader as it lies on disk",
    plain: "the shader as it is on disk",
  },
  {
    pattern:
      /\b(?:it|that|which) (?:is|are) no (?!(?:longer|more|less|other|better|worse|different|use|\w+er)\b)[a-z]/i,
    reason: '"is no" for "is not a"',
    odd: "a file that is no archive",
    plain: "a file that is not an archive",
  },
];

/** Phrases to avoid at the beginning of a docstring, where a noun or a verb says more. */
const DOCSTRING_BEGINNING: OddPhrase = {
  pattern: /^(?:What|Whatever|Whose|How far)\b/,
  reason: 'a docstring that begins with "What"',
  odd: "What a row says",
  plain: "The cells of a row",
};

const ALLOWED = /plain-english: \S/;
// Comments come first: a quote within one opens no literal.
const LITERALS = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;

const COMMENTS =
  /(?:\/\/[^\n]*\n[ \t]*)*\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;

/** A run of literals that are added together, with the place where it begins. */
interface Piece {
  text: string;
  readonly at: number;
  end: number;
}

/** The phrases in the string literals of a source file. */
export function findInCode(code: string): Finding[] {
  const pieces: Piece[] = [];
  for (const { 0: literal, index } of code.matchAll(LITERALS)) {
    if (literal.startsWith("/")) continue;
    const text = literal
      .slice(1, -1)
      .replaceAll(/\$\{[^}]*\}/g, "X")
      .replaceAll("\\n", "\n");
    const end = index + literal.length;
    const last = pieces.at(-1);
    if (last !== undefined && /^\s*\+\s*$/.test(code.slice(last.end, index))) {
      last.text += text;
      last.end = end;
    } else pieces.push({ text, at: index, end });
  }
  return pieces.flatMap(({ text, at }) => find(text, lineAt(code, at))).filter(allowed(code));
}

/** The phrases in the comments of a source file, docstrings included, without names in code font. */
export function findInComments(code: string): Finding[] {
  const found: Finding[] = [];
  // Consecutive `//` lines are one text.
  for (const { 0: comment, index } of code.matchAll(COMMENTS)) {
    if (comment.startsWith('"') || comment.startsWith("`")) continue;
    const text = comment
      .replaceAll(/^[ \t]*(?:\/\/|\/?\*\*?(?!\/))[ \t]?/gm, "")
      .replaceAll(/`[^`\n]*`/g, "X")
      .replace(/\s*\*\/$/, "");
    const line = lineAt(code, index);
    found.push(...find(text, line));
    const { pattern } = DOCSTRING_BEGINNING;
    const beginning = comment.startsWith("/**") ? pattern.exec(text.trimStart()) : null;
    if (beginning !== null) found.push({ line, found: beginning[0], phrase: DOCSTRING_BEGINNING });
  }
  return found.filter(allowed(code));
}

/** The phrases in a Markdown page, without names in code font and what tools write into it. */
export function findInPage(page: string): Finding[] {
  const blank = (text: string): string => text.replaceAll(/[^\n]/g, " ");
  const prose = page
    .replaceAll(/<!-- (\w+) -->[\s\S]*?<!-- \/\1 -->/g, blank)
    .replaceAll(/`[^`\n]*`/g, (code) => "X".repeat(code.length));
  return find(prose, 1).filter(allowed(page));
}

function find(text: string, line: number): Finding[] {
  // A phrase may be broken over two lines.
  const flat = text.replaceAll("\n", " ");
  return ODD_PHRASES.flatMap((phrase) =>
    [...flat.matchAll(new RegExp(phrase.pattern, `${phrase.pattern.flags}g`))].map((match) => ({
      line: line + lineAt(text, match.index) - 1,
      found: match[0].trim(),
      phrase,
    })),
  );
}

/** Whether no comment on the line of a finding, or on the line above, gives a reason for it. */
function allowed(text: string): (finding: Finding) => boolean {
  const lines = text.split("\n");
  return ({ line }) => !lines.slice(Math.max(0, line - 2), line).some((one) => ALLOWED.test(one));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
