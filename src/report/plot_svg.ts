// Draws charts as SVG text without a browser, so that a page needs no script to show them.
import { plot, type PlotOptions } from "@observablehq/plot";
import { parseHTML } from "linkedom";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

/** A chart as the text of one `svg` element in the colour of the text around it. */
export function plotSvg(options: PlotOptions): string {
  const drawn = plot({ ...options, className: "plot", document });
  // The same in every chart, so the page's style has it once.
  drawn.querySelector("style")?.remove();
  return drawn.outerHTML;
}
