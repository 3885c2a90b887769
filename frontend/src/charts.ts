// Charts, drawn over the table of the same figure: what is drawn is what is written there, and nothing else.
// <th data-day="2026-01-31"> begins a row, <td data-value="-12.50"> holds a figure as it is and as it is read.
// Figures are only drawn from here: a float is exact enough for a line, and no sum is made of it.
import uPlot from "uplot";

import { first } from "./parts";
import { onThemeChange } from "./theme";

interface Series {
  name: string;
  values: number[];
  texts: string[];
}

interface Figures {
  days: string[];
  labels: string[];
  /** A column each, without the one of days. */
  series: Series[];
}

const HEIGHT_PX = 220;

/** Draws the chart of a figure.chart, once. */
export function draw(figure: HTMLElement): void {
  const canvas = figure.querySelector<HTMLElement>("[data-canvas]");
  const table = figure.querySelector("table");
  if (!canvas || !table || !first(figure, "Chart")) return;
  const figures = read(table);
  const make = figure.dataset["chart"] === "flows" ? flows : balance;
  const reading = figure.querySelector<HTMLElement>("[data-reading]");
  canvas.hidden = false;
  const chart = new uPlot(
    { ...make(figure, figures), width: canvas.clientWidth || 320, height: HEIGHT_PX, hooks: { setCursor: [(u) => tell(u, figures, reading)] } },
    data(figure, figures),
    canvas,
  );
  new ResizeObserver(() => chart.setSize({ width: canvas.clientWidth, height: HEIGHT_PX })).observe(canvas);
  onThemeChange(() => chart.redraw(true, true));
}

function read(table: HTMLTableElement): Figures {
  const heads = Array.from(table.tHead?.rows[0]?.cells ?? []).slice(1);
  const rows = Array.from(table.tBodies[0]?.rows ?? []);
  return {
    days: rows.map((row) => row.cells[0]?.dataset["day"] ?? ""),
    labels: rows.map((row) => text(row.cells[0])),
    series: heads.map((head, at) => ({
      name: text(head),
      values: rows.map((row) => Number(row.cells[at + 1]?.dataset["value"])),
      texts: rows.map((row) => text(row.cells[at + 1])),
    })),
  };
}

function data(figure: HTMLElement, { days, series }: Figures): uPlot.AlignedData {
  const across = figure.dataset["chart"] === "flows" ? days.map((_, at) => at) : days.map((day) => Date.parse(day) / 1000);
  return [across, ...series.map(({ values }) => values)];
}

type Shape = Omit<uPlot.Options, "width" | "height">;

function balance(figure: HTMLElement, { days }: Figures): Shape {
  const short = new Intl.DateTimeFormat(dayLang(), { day: "numeric", month: "short", timeZone: "UTC" });
  const monthly = new Intl.DateTimeFormat(dayLang(), { month: "short", timeZone: "UTC" });
  const long = days.length > 100;
  return {
    ...shared(figure),
    scales: { x: { time: true }, y: { range: near } },
    series: [
      {},
      {
        stroke: () => colour(figure, "--chart-line"),
        fill: (u) => {
          const shade = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
          shade.addColorStop(0, colour(figure, "--chart-shade"));
          shade.addColorStop(1, colour(figure, "--chart-shade-end"));
          return shade;
        },
        width: 2,
        // A balance holds until it changes: no line runs from one day's to the next.
        paths: uPlot.paths.stepped?.({ align: 1 }) ?? null,
        points: { show: false },
      } as uPlot.Series,
    ],
    axes: axes(figure, {
      values: (_, ticks) => ticks.map((at) => (long ? monthly : short).format(at * 1000)),
      space: 72,
    }),
  };
}

function flows(figure: HTMLElement, { labels, days }: Figures): Shape {
  const monthly = new Intl.DateTimeFormat(dayLang(), { month: "short", timeZone: "UTC" });
  const bars = uPlot.paths.bars?.({ size: [0.6, 36], radius: 0.2 }) ?? null;
  const bar = (name: string): uPlot.Series =>
    ({ fill: () => colour(figure, name), stroke: () => colour(figure, name), width: 0, paths: bars, points: { show: false } }) as uPlot.Series;
  return {
    ...shared(figure),
    scales: { x: { time: false, range: [-0.6, labels.length - 0.4] }, y: { range: roomy } },
    series: [{}, bar("--chart-in"), bar("--chart-out")],
    axes: axes(figure, {
      values: (_, ticks) => ticks.map((at) => (days[at] ? monthly.format(Date.parse(days[at])) : "")),
      splits: () => labels.map((_, at) => at),
    }),
  };
}

function shared(figure: HTMLElement): Pick<Shape, "legend" | "padding" | "cursor"> {
  return {
    legend: { show: false },
    padding: [12, 8, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 9, stroke: () => colour(figure, "--chart-ground"), width: 2, fill: (u, at) => (u.series[at]?.stroke instanceof Function ? String(u.series[at].stroke(u, at)) : "") },
    },
  };
}

function axes(figure: HTMLElement, across: Partial<uPlot.Axis>): uPlot.Axis[] {
  const compact = new Intl.NumberFormat(lang(), { notation: "compact", maximumFractionDigits: 1 });
  const quiet = { stroke: () => colour(figure, "--chart-text"), font: font(figure), ticks: { show: false } };
  return [
    { ...quiet, grid: { show: false }, gap: 6, size: 28, ...across },
    {
      ...quiet,
      grid: { stroke: () => colour(figure, "--chart-grid"), width: 1 },
      values: (_, ticks) => ticks.map((tick) => compact.format(tick).replace("-", "\u2212")),
      size: 52,
      gap: 8,
      space: 44,
    },
  ];
}

/** Zero is in it, and air above and below. */
function roomy(_: uPlot, low: number, high: number): [number, number] {
  const [from, to] = [Math.min(low, 0), Math.max(high, 0)];
  const air = (to - from || 1) * 0.08;
  return [from && from - air, to && to + air];
}

/** A line far from zero is seen from near: else nothing of its course is. The axis says where it is. */
function near(chart: uPlot, low: number, high: number): [number, number] {
  const apart = high - low || Math.abs(high) || 1;
  return low > apart || high < -apart ? [low - apart * 0.35, high + apart * 0.15] : roomy(chart, low, high);
}

/** Says in words what the cursor is at. */
function tell(chart: uPlot, { labels, series }: Figures, reading: HTMLElement | null): void {
  if (!reading) return;
  const at = chart.cursor.idx;
  reading.textContent =
    at === null || at === undefined
      ? ""
      : [labels[at], ...series.map((one) => (series.length > 1 ? `${one.name} ${one.texts[at]}` : one.texts[at]))].join(" · ");
}

function colour(figure: HTMLElement, name: string): string {
  return getComputedStyle(figure).getPropertyValue(name);
}

function font(figure: HTMLElement): string {
  return `12px ${getComputedStyle(figure).fontFamily}`;
}

function lang(): string {
  return document.documentElement.lang;
}

/** Days are written as on the rest of the page: the day before its month. */
function dayLang(): string {
  return lang() === "en" ? "en-GB" : lang();
}

function text(element: Element | undefined): string {
  return element?.textContent?.trim().replace(/\s+/g, " ") ?? "";
}
