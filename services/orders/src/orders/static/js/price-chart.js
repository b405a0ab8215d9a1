// Layers as Chart.js draws them: how each looks, the axes, the mark of the chosen day.

import { faint } from "./chart-colours.js";
import { dollars } from "./price-texts.js";

const DASHES = [[], [8, 4], [2, 4]];
const MARKET_COLOURS = ["sky", "clay", "ink"];
const OWN_DASHES = [[], [10, 3], [4, 3], [2, 2], [12, 3, 2, 3]];
const DAYS_APART_PX = 60;
const MONTHS_APART_PX = 110;
const CROWDED_DAYS = 250;

/** How a line of a kind looks; legend and chart take it from here. */
export function look(kind, place = 0) {
  const looks = {
    range: { colour: "leaf", fill: 0.2 },
    mostly: { colour: "leaf", fill: 0.35 },
    reference: { colour: "leaf", width: 3, dash: [] },
    trendBand: { colour: "ink-soft", fill: 0.14 },
    trend: { colour: "ink-soft", width: 2, dash: [10, 5] },
    fan: { colour: "meter-amber", fill: 0.3 },
    expected: { colour: "amber", width: 3, dash: [2, 5] },
    own: { colour: "plum", width: 3, dash: OWN_DASHES[place % OWN_DASHES.length] },
    market: { colour: MARKET_COLOURS[place % MARKET_COLOURS.length], width: 2, dash: DASHES[Math.floor(place / MARKET_COLOURS.length) % DASHES.length] },
  };
  return looks[kind];
}

export function datasetsOf(layers, colours) {
  return layers.flatMap((layer) => (look(layer.kind).fill ? areaOf(layer, colours) : [lineOf(layer, colours)]));
}

function areaOf({ kind, key, values }, colours) {
  const { colour, fill } = look(kind);
  const edge = { key, borderWidth: 0, pointRadius: 0, pointHitRadius: 0, spanGaps: false, order: 5 };
  const side = (name) => values.map((value) => ({ x: value.x, y: value[name] }));
  const tint = { backgroundColor: faint(colours[colour], fill), fill: "-1" };
  // A single day has no width: its range is drawn as an upright stroke.
  if (values.length === 1) return [{ ...edge, data: [side("low")[0], side("high")[0]], borderWidth: 8, borderColor: faint(colours[colour], fill) }];
  return [{ ...edge, data: side("low"), fill: false }, { ...edge, data: side("high"), ...tint }];
}

function lineOf({ kind, key, place, values }, colours) {
  const { colour, width, dash } = look(kind, place);
  const isLast = ({ dataIndex }) => kind === "reference" && dataIndex === values.length - 1;
  const isAlone = ({ dataIndex: at }) => Number.isNaN(values[at - 1]?.y ?? NaN) && Number.isNaN(values[at + 1]?.y ?? NaN);
  return {
    key,
    data: values,
    borderColor: colours[colour],
    backgroundColor: colours[colour],
    borderWidth: values.length > CROWDED_DAYS ? width / 2 : width,
    borderDash: dash,
    stepped: kind === "own" ? "before" : false,
    pointRadius: (point) => (isLast(point) ? 6 : isAlone(point) ? 4 : 0),
    pointBorderColor: colours.card,
    pointBorderWidth: 2,
    pointHitRadius: 0,
    spanGaps: false,
    clip: false,
    order: 1,
  };
}

/** The upright line through the chosen day. */
function chosenDay(view) {
  return {
    id: "chosenDay",
    afterDatasetsDraw({ ctx, chartArea, scales }) {
      if (view.chosen === null) return;
      const x = scales.x.getPixelForValue(view.chosen);
      ctx.save();
      Object.assign(ctx, { strokeStyle: view.colours.ink, lineWidth: 1 });
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
      ctx.restore();
    },
  };
}

function axes(view) {
  const { colours, days, texts } = view;
  const font = { family: view.font, size: 14 };
  const isCrowded = days.all.length > CROWDED_DAYS;
  return {
    x: {
      type: "linear",
      min: 0,
      max: Math.max(days.last, 1),
      grid: { display: false },
      border: { color: colours.line },
      afterBuildTicks: (scale) => {
        scale.ticks = spread(days.last, Math.max(2, Math.floor(scale.width / (isCrowded ? MONTHS_APART_PX : DAYS_APART_PX)))).map((value) => ({ value }));
      },
      ticks: { color: colours["ink-soft"], font, maxRotation: 0, autoSkip: false, callback: (at) => (days.all[at] ? (isCrowded ? texts.month(days.all[at]) : texts.tick(days.all[at])) : "") },
    },
    y: {
      grid: { color: colours.line },
      border: { display: false },
      ticks: { color: colours["ink-soft"], font, maxTicksLimit: 6, callback: (price) => dollars(price) },
    },
  };
}

/** Places of at most so many labels at even distances, the last day among them. */
export function spread(last, many) {
  const step = Math.max(1, Math.ceil(last / Math.max(many - 1, 1)));
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, at) => last - at * step).reverse();
}

/** Draw the view on a canvas; a view is {layers, days, colours, texts, font, chosen}. */
export function drawChart(Chart, canvas, view) {
  return new Chart(canvas, {
    type: "line",
    data: { datasets: datasetsOf(view.layers, view.colours) },
    options: {
      animation: false,
      maintainAspectRatio: false,
      parsing: false,
      normalized: true,
      events: [],
      layout: { padding: { top: 8, right: 8 } },
      scales: axes(view),
      plugins: { legend: { display: false }, tooltip: { enabled: false } },
    },
    plugins: [chosenDay(view)],
  });
}
