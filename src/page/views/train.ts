// Training in the tab: choices, the curve of the loss, what the student sees, and its file.
import type { Client } from "../client.ts";
import { drawCurve } from "../draw/curve.ts";
import { drawPanorama } from "../draw/panorama.ts";
import { element, numberField, statusLine } from "../element.ts";
import type { AdapterReport, StepReport, TrainingChoice } from "../messages.ts";

const SIZES = [
  { height: 96, width: 160 },
  { height: 64, width: 96 },
  { height: 32, width: 64 },
];
// A software adapter takes seconds for a step at full size.
const SOFTWARE_SIZE = 1;

/** Fills the view; the result is called when it is shown. */
export function trainView(
  place: HTMLElement,
  client: Client,
  { software }: AdapterReport,
): () => void {
  const steps = numberField("steps", software ? 100 : 600, { min: 1, max: 100_000 });
  const moments = numberField("moments", software ? 8 : 48, { min: 1, max: 1000 });
  const seed = numberField("seed", 0, { min: 0, max: 1_000_000 });
  const size = element(
    "select",
    { name: "size" },
    ...SIZES.map(({ height, width }, i) =>
      element(
        "option",
        { value: i, selected: i === (software ? SOFTWARE_SIZE : 0) },
        `${height} x ${width}`,
      ),
    ),
  );
  const teacher = element("input", { type: "checkbox", checked: true });
  const start = element("button", { class: "main" }, "Train");
  const pause = element("button", { disabled: true }, "Pause");
  const stop = element("button", { disabled: true }, "Stop");
  const download = element("button", { disabled: true }, "Download student.safetensors");
  const status = statusLine();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "curve");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "loss by step");
  const numbers = element("dl", { id: "train-numbers" });
  const caption = element("span", { class: "faint" });
  const panorama = element("div", { id: "train-panorama" });
  const result = element(
    "div",
    { hidden: true },
    element(
      "div",
      { class: "card" },
      element("div", { class: "head" }, element("h2", {}, "Loss"), download),
      svg,
      numbers,
    ),
    element(
      "div",
      { class: "card" },
      element("div", { class: "head" }, element("h2", {}, "What the student sees"), caption),
      panorama,
    ),
  );
  place.append(
    element(
      "div",
      { class: "card" },
      element("h2", {}, "Train a student in this tab"),
      element(
        "p",
        { class: "lead" },
        "A nano network learns depth from a street with six cameras: sparse LiDAR, and a teacher that knows shapes but no metres.",
      ),
      element(
        "div",
        { class: "row" },
        steps.field,
        element("label", {}, "image size", size),
        moments.field,
        seed.field,
        element("label", { class: "check" }, teacher, "with the teacher"),
        start,
        pause,
        stop,
      ),
      status.line,
    ),
    result,
  );

  let isPaused = false;
  let losses: number[] = [];
  let wanted = 0;
  const setPaused = (now: boolean): void => {
    isPaused = now;
    pause.textContent = now ? "Continue" : "Pause";
  };
  const running = (now: boolean): void => {
    start.disabled = now;
    pause.disabled = !now;
    stop.disabled = !now;
    setPaused(false);
  };
  const draw = (): void => drawCurve(svg, losses, wanted);
  new ResizeObserver(draw).observe(svg);
  client.on("step", (report) => {
    losses.push(report.loss);
    draw();
    showNumbers(numbers, report, wanted);
    download.disabled = false;
    result.hidden = false;
    if (!isPaused) status.say(`step ${report.step} of ${wanted}`);
  });
  client.on("views", (views) => {
    result.hidden = false;
    drawPanorama(panorama, views);
    caption.textContent = `${views.title}: image, ${views.by}, truth`;
  });
  const train = async (): Promise<void> => {
    losses = [];
    draw();
    const choice: TrainingChoice = {
      ...SIZES[Number(size.value)],
      steps: Number(steps.input.value),
      moments: Number(moments.input.value),
      seed: Number(seed.input.value),
      teacher: teacher.checked,
    };
    wanted = choice.steps;
    running(true);
    download.disabled = true;
    status.say("rendering the first streets and compiling the network");
    try {
      const { steps: done, stopped } = await client.ask("train", choice);
      status.say(`${stopped ? "stopped" : "trained"} after ${done} steps`);
    } catch (error) {
      status.fail(error);
    }
    running(false);
  };
  const saveStudent = async (): Promise<void> => {
    try {
      save(await client.ask("student", null), "student.safetensors");
    } catch (error) {
      status.fail(error);
    }
  };
  start.addEventListener("click", () => void train());
  download.addEventListener("click", () => void saveStudent());
  pause.addEventListener("click", () => {
    setPaused(!isPaused);
    status.say(isPaused ? "paused" : "continuing");
    void client.ask("pause", isPaused);
  });
  stop.addEventListener("click", () => void client.ask("stop", null));
  return () => {};
}

function showNumbers(list: HTMLElement, report: StepReport, steps: number): void {
  const { step, loss, gradient_norm, learning_rate, time_ms } = report;
  list.dataset["loss"] = String(loss);
  const rows = [
    ["step", `${step} / ${steps}`],
    ["loss", loss.toPrecision(4)],
    ["gradient norm", gradient_norm.toPrecision(3)],
    ["learning rate", learning_rate.toExponential(1)],
    ["time per step", `${time_ms.toFixed(0)} ms`],
  ];
  list.replaceChildren(
    ...rows.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value)),
    ),
  );
}

function save(bytes: Uint8Array, name: string): void {
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>]));
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
