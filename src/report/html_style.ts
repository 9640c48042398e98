// The look of a page: one column that fits a phone, light or dark as the reader's system says. Chart
// colours are variables, because the script passes them to uPlot's canvas.

/** The style sheet of every page. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #171b22; --faint: #5b6472; --line: #dde1e7;
  --good: #18794e; --bad: #b4371f; --bar: #b9cdf5;
  --curve-1: #2b62d9; --curve-2: #d9562b; --curve-3: #1d8f63; --curve-4: #9c4bc4;
  --curve-5: #b98300; --curve-6: #0f8fa8; --curve-7: #c43d78; --curve-8: #6a7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #171b21; --ink: #e6e9ef; --faint: #98a2b1; --line: #2a3039;
    --good: #4cc38a; --bad: #f2826b; --bar: #2c4478;
    --curve-1: #7aa2ff; --curve-2: #ff9470; --curve-3: #4fd1a0; --curve-4: #cf94f0;
    --curve-5: #e6b84f; --curve-6: #56c8de; --curve-7: #f285b0; --curve-8: #a3acb9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 78rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 .75rem; font-size: 1.05rem; }
p { margin: .25rem 0; }
.faint { color: var(--faint); }
.card {
  margin-top: 1rem; padding: 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px;
}
.scroll { overflow-x: auto; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: .5rem 1.5rem;
}
.facts div { min-width: 0; }
dl { margin: 0; }
dt { color: var(--faint); font-size: .8rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.headline { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; }
.headline b {
  display: block; font-size: 1.9rem; line-height: 1.15; font-variant-numeric: tabular-nums;
}
.scroll table {
  width: 100%; border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums;
  white-space: nowrap;
}
.scroll th, .scroll td {
  padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
}
.scroll th { font-weight: 500; }
.scroll thead th { color: var(--faint); font-size: .85rem; }
.scroll th:first-child {
  position: sticky; left: 0; padding-left: 0; background: var(--card); text-align: left;
}
@media (max-width: 40rem) {
  .scroll th:first-child {
    min-width: 10.5rem; max-width: 10.5rem; white-space: normal; overflow-wrap: break-word;
  }
}
.scroll .total > * { font-weight: 700; }
.scroll .other > * { color: var(--faint); font-weight: 400; }
.scroll tr:last-child > * { border-bottom: 0; }
.scroll thead tr > * { border-bottom: 1px solid var(--line); }
td.share {
  min-width: 7rem;
  background: linear-gradient(var(--bar), var(--bar)) no-repeat left / var(--share) 70%;
}
.good { color: var(--good); }
.bad { color: var(--bad); }
figure { margin: 0 0 1rem; }
figure:last-child { margin: 0; }
figcaption { margin-top: .35rem; color: var(--faint); font-size: .85rem; }
pre { margin: .75rem 0 0; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
summary { cursor: pointer; font-weight: 600; }
`;

/** Additions for `report.html`: charts in a canvas, and pictures. */
export const REPORT_STYLE = `
.charts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 1rem; margin-top: 1rem;
}
.charts .card { margin-top: 0; min-width: 0; }
.chart { min-height: 18rem; }
figure img { display: block; width: 100%; min-width: 56rem; height: auto; border-radius: 4px; }
.uplot, .u-legend { font: inherit; font-size: .8rem; white-space: normal; }
.u-legend.u-inline .u-series > * { padding: 1px 3px; }
.u-legend th { font-weight: 400; }
`;
