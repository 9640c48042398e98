// The curve of the loss as SVG: every step, faint, and their running mean.

const LEFT = 40;
const RIGHT = 8;
const TOP = 8;
const FOOT = 24;
// Steps over which the running mean forgets.
const MEMORY = 20;

/** Draws losses by step, from step 1, into `svg`. */
export function drawCurve(svg: SVGSVGElement, losses: readonly number[], steps: number): void {
  const { clientWidth: width, clientHeight: height } = svg;
  if (losses.length === 0 || width === 0) {
    svg.replaceChildren();
    return;
  }
  const [low, high] = [Math.min(...losses, 0), Math.max(...losses)];
  const range = high - low || 1;
  const x = (step: number): number =>
    LEFT + ((width - LEFT - RIGHT) * step) / Math.max(1, steps - 1);
  const y = (loss: number): number =>
    TOP + (height - FOOT - TOP) * (1 - (Math.min(loss, high) - low) / range);
  const line = (values: readonly number[], name: string): string =>
    `<polyline class="${name}" points="${values
      .map((loss, step) => `${x(step).toFixed(1)},${y(loss).toFixed(1)}`)
      .join(" ")}"/>`;
  const marks = [low, low + range / 2, high].map(
    (loss) =>
      `<line class="grid" x1="${LEFT}" x2="${width}" y1="${y(loss)}" y2="${y(loss)}"/>` +
      `<text x="${LEFT - 6}" y="${y(loss) + 4}" text-anchor="end">${loss.toPrecision(2)}</text>`,
  );
  const ends =
    `<text x="${LEFT}" y="${height - 6}">step 1</text>` +
    `<text x="${width - RIGHT}" y="${height - 6}" text-anchor="end">${steps}</text>`;
  svg.innerHTML = marks.join("") + ends + line(losses, "raw") + line(smoothed(losses), "smooth");
}

function smoothed(losses: readonly number[]): number[] {
  let mean = 0;
  let weight = 0;
  return losses.map((loss) => {
    const keep = 1 - 1 / Math.min(MEMORY, weight + 1);
    mean = keep * mean + (1 - keep) * loss;
    weight++;
    return mean;
  });
}
