// Kernels: edit a shader of the repository; it is checked against its reference and timed while you
// type.
import type { Client } from "../client.ts";
import { element, statusLine } from "../element.ts";
import type { AdapterReport, KernelEntry, KernelReport, TimeReport } from "../messages.ts";
import { intervalTimeText, timeText } from "../../measure/text.ts";

// A pause in typing after which a text is checked.
const PAUSE_MS = 500;
const FIRST = "silog";

/** Fills the view; the result is called when it is shown. */
export function kernelsView(
  place: HTMLElement,
  client: Client,
  { has_timestamps }: AdapterReport,
): () => void {
  const kernel = element("select", { name: "kernel" });
  const problem = element("select", { name: "problem" });
  const reset = element("button", { disabled: true }, "Undo all edits");
  const again = element("button", {}, "Measure again");
  const text = element("textarea", {
    spellcheck: "false",
    autocapitalize: "off",
    autocomplete: "off",
    "aria-label": "shader text",
  });
  const status = statusLine();
  const report = element("div", { id: "kernel-report" });
  const clock = has_timestamps
    ? "the GPU's clock"
    : "this thread's clock, since the GPU offers none";
  place.append(
    element(
      "div",
      { class: "card" },
      element("h2", {}, "Edit a kernel"),
      element(
        "p",
        { class: "lead" },
        `Every text is compared with its reference in 64-bit floats before it is timed by ${clock}.`,
      ),
      element(
        "div",
        { class: "row" },
        element("label", {}, "kernel", kernel),
        element("label", {}, "problem", problem),
        again,
        reset,
      ),
    ),
    element(
      "div",
      { class: "lab" },
      element("div", { class: "card" }, text),
      element("div", { class: "card" }, element("h2", {}, "Result"), status.line, report),
    ),
  );

  let entries: readonly KernelEntry[] = [];
  let original = "";
  let turn = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  client.on("progress", (line) => status.say(line));
  const run = async (): Promise<void> => {
    const own = ++turn;
    reset.disabled = text.value === original;
    status.say("waiting");
    try {
      const ask = { name: kernel.value, case: problem.value, code: text.value };
      const found = await client.ask("kernel", ask);
      if (own !== turn) return;
      status.say("");
      report.replaceChildren(...reportLines(found));
      report.dataset["verdict"] = found.verdict;
    } catch (error) {
      if (own === turn) status.fail(error);
    }
  };
  const open = async (): Promise<void> => {
    const { name, cases } = entries.find((entry) => entry.name === kernel.value)!;
    problem.replaceChildren(...cases.map((one) => element("option", { value: one }, one)));
    original = await client.ask("source", name);
    text.value = original;
    await run();
  };
  kernel.addEventListener("change", () => void open());
  problem.addEventListener("change", () => void run());
  again.addEventListener("click", () => void run());
  reset.addEventListener("click", () => {
    text.value = original;
    void run();
  });
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void run(), PAUSE_MS);
  });
  let isShown = false;
  return () => {
    if (isShown) return;
    isShown = true;
    void (async () => {
      try {
        status.say("loading the shaders");
        entries = await client.ask("kernels", null);
        kernel.append(...entries.map(({ name }) => element("option", { value: name }, name)));
        kernel.value = FIRST;
        await open();
      } catch (error) {
        status.fail(error);
      }
    })();
  };
}

function reportLines({
  verdict,
  error,
  checked,
  time,
  flops,
  bytes,
  comparison,
}: KernelReport): HTMLElement[] {
  const isRight = verdict === "OK";
  const head = element(
    "p",
    { class: "verdict" },
    element("strong", { class: isRight ? "good" : "bad" }, verdict),
    element("span", {}, time === null ? "" : timeOf(time)),
  );
  if (!isRight || time === null) return [head, element("pre", { class: "bad" }, error)];
  const what = checked === "case" ? "this problem" : "the kernel's own cases";
  const rate = (amount: number): string => (amount / time.median_ms / 1e6).toPrecision(3);
  const rows = [
    ["operations", `${rate(flops)} GFLOP/s`],
    ["memory", `${rate(bytes)} GB/s`],
    ...(comparison === null
      ? []
      : [["repository's text", `${comparison.verdict} ${comparison.text}`]]),
  ];
  return [
    head,
    element(
      "p",
      { class: "faint" },
      `equal to the reference on ${what}; median with its 95 % interval`,
    ),
    element(
      "dl",
      {},
      ...rows.map(([name, value]) =>
        element("div", {}, element("dt", {}, name), element("dd", {}, value)),
      ),
    ),
  ];
}

function timeOf({ median_ms, low_ms, high_ms }: TimeReport): string {
  const interval = intervalTimeText({ median: median_ms, low: low_ms, high: high_ms });
  return `${timeText(median_ms)} ${interval}`;
}
