// The one script of the report, as text: it runs in the reader's browser after uPlot. It draws the
// charts that chart.ts prepared, again at every change of width or of light and dark.

/** The script of `report.html`; reads the JSON in element `charts`. */
export const REPORT_SCRIPT = `
(() => {
  "use strict";
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const HEIGHT = 250;
  const variable = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = (value) => (value == null ? "\\u2013" : String(Number(value.toPrecision(4))));
  const short = (value) =>
    value !== 0 && Math.abs(value) < 1e-3
      ? value.toExponential().replace("e-", "e\\u2212")
      : String(Number(value.toPrecision(6)));
  const options = (chart, width) => {
    const axis = {
      stroke: variable("--faint"),
      grid: { stroke: variable("--line"), width: 1 },
      ticks: { stroke: variable("--line"), width: 1 },
    };
    const series = chart.labels.map((label, i) => {
      const level = chart.levels.includes(i);
      return {
        label,
        stroke: variable(level ? "--faint" : "--curve-" + ((i % 8) + 1)),
        width: 1.5,
        dash: level ? [6, 4] : undefined,
        spanGaps: true,
        points: { show: chart.columns[0].length <= 40 && !level },
        value: (_, value) => number(value),
      };
    });
    // On a logarithmic axis the ticks between decades come as null and stay blank.
    const values = (_, ticks) => ticks.map((tick) => (tick == null ? "" : short(tick)));
    return {
      width,
      height: HEIGHT,
      scales: { x: { time: false }, y: { distr: chart.logarithmic ? 3 : 1 } },
      axes: [axis, { ...axis, size: 64, values }],
      series: [{ label: "step" }, ...series],
      cursor: { points: { size: 7 } },
    };
  };
  let plots = [];
  const draw = () => {
    for (const plot of plots) plot.destroy();
    plots = charts.map((chart) => {
      const element = document.getElementById(chart.id);
      return new uPlot(options(chart, element.clientWidth), chart.columns, element);
    });
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  window.addEventListener("resize", () => {
    for (const plot of plots) {
      plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT });
    }
  });
})();
`;
