// The page: three views over one worker.
import { startWorker } from "./client.ts";
import type { AdapterReport } from "./messages.ts";
import { kernelsView } from "./views/kernels.ts";
import { predictView } from "./views/predict.ts";
import { trainView } from "./views/train.ts";

const VIEWS = ["predict", "train", "kernels"] as const;
type ViewName = (typeof VIEWS)[number];

function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

function adapterText({ name, software, has_timestamps, has_subgroups }: AdapterReport): string {
  const missing = [
    ...(has_timestamps ? [] : ["no GPU clock"]),
    ...(has_subgroups ? [] : ["no subgroups"]),
  ];
  return [name, ...(software ? ["a software adapter: slow"] : []), ...missing].join(" · ");
}

function showView(show: Readonly<Record<ViewName, () => void>>): void {
  const wanted = location.hash.slice(1);
  const current = VIEWS.find((name) => name === wanted) ?? "predict";
  for (const name of VIEWS) byId(name).hidden = name !== current;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${current}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  show[current]();
}

const client = startWorker();
try {
  const adapter = await client.ask("open", null);
  byId("adapter").textContent = adapterText(adapter);
  const show = {
    predict: predictView(byId("predict"), client),
    train: trainView(byId("train"), client, adapter),
    kernels: kernelsView(byId("kernels"), client, adapter),
  };
  showView(show);
  addEventListener("hashchange", () => showView(show));
} catch (error) {
  byId("adapter").textContent = "";
  byId("no-gpu-reason").textContent = (error as Error).message;
  byId("no-gpu").hidden = false;
}
