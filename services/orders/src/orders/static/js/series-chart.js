// The chart of one series with its legend, the choice of days and the line that says what a day was.

import { onThemeChange, readColours } from "./chart-colours.js";
import { element } from "./element.js";
import { drawChart, look } from "./price-chart.js";
import { dayOf, layersOf, rangesFor, shownDays } from "./price-layers.js";
import { dollars } from "./price-texts.js";
import { put } from "./quiet-text.js";
import { say } from "./words.js";

const FIRST_RANGE_DAYS = 92;
const THUMB_PX = 16;
const PARTS = { range: ["range"], mostly: ["mostly"], reference: ["reference"], trend: ["trendBand", "trend"], estimate: ["fan", "expected"] };

export class SeriesChart {
  constructor(place, texts, Chart = globalThis.Chart) {
    const find = (name) => place.querySelector(`[data-${name}]`);
    Object.assign(this, { place, texts, Chart, off: new Set(), markets: [], chosen: null, lastDays: FIRST_RANGE_DAYS });
    Object.assign(this, { canvas: find("canvas"), slider: find("day"), readout: find("readout"), legend: find("legend"), ranges: find("ranges") });
    this.slider.addEventListener("input", () => this.choose(Number(this.slider.value)));
    for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.point(event));
    this.legend.addEventListener("change", ({ target }) => this.toggle(target));
    this.ranges.addEventListener("change", ({ target }) => this.pick(Number(target.value)));
    onThemeChange(() => this.draw());
    if (document.fonts) document.fonts.ready.then(() => this.draw());
  }

  show(series, own) {
    Object.assign(this, { series, own });
    this.offerRanges();
    this.arrange();
  }

  compare(markets) {
    this.markets = markets;
    if (this.series) this.arrange();
  }

  pick(days) {
    this.lastDays = days;
    this.chosen = null;
    this.arrange();
  }

  toggle({ value, checked }) {
    if (checked) this.off.delete(value);
    else this.off.add(value);
    this.draw();
  }

  /** Work out days and layers anew, and stay on the day that was chosen. */
  arrange() {
    const { series, own, markets } = this;
    const before = this.days?.all[this.chosen];
    this.days = shownDays(series, rangesFor(series).includes(this.lastDays) ? this.lastDays : 0);
    this.layers = layersOf(series, { days: this.days, own, markets });
    this.place.hidden = this.days.all.length === 0;
    // One day is no course: then the figures say it all, and the source stands alone.
    for (const part of this.place.querySelectorAll("[data-course]")) part.hidden = this.days.all.length < 2;
    this.slider.max = Math.max(this.days.last, 0);
    const last = this.days.place(series.points.at(-1)?.date);
    this.choose(this.days.place(before ?? "") ?? last ?? 0);
    this.drawLegend();
    this.draw();
  }

  draw() {
    if (!this.layers || this.place.hidden || this.days.all.length < 2) return;
    this.chart?.destroy();
    this.chart = null;
    const { Chart, canvas, days, texts } = this;
    if (!Chart) {
      canvas.parentElement.hidden = true; // the rest says the same in words
      return;
    }
    this.colours = readColours();
    const view = { days, texts, colours: this.colours, layers: this.layers.filter(({ kind, key }) => !this.off.has(partOf(kind, key))) };
    view.font = getComputedStyle(canvas).fontFamily;
    Object.defineProperty(view, "chosen", { get: () => this.chosen });
    this.chart = drawChart(Chart, canvas, view);
    this.alignSlider();
  }

  /** The slider's days stand under the chart's. */
  alignSlider() {
    const { left, right } = this.chart.chartArea;
    const style = this.slider.parentElement.style;
    style.setProperty("--plot-left", `${Math.round(left) - THUMB_PX / 2}px`);
    style.setProperty("--plot-right", `${Math.round(this.chart.width - right) - THUMB_PX / 2}px`);
  }

  point({ clientX }) {
    const x = this.chart?.scales.x.getValueForPixel(clientX - this.canvas.getBoundingClientRect().left);
    if (x !== undefined) this.choose(Math.min(Math.max(Math.round(x), 0), this.days.last));
  }

  choose(at) {
    if (!this.days?.all[at]) return;
    this.chosen = at;
    this.slider.value = at;
    const said = this.sayDay(this.days.all[at]);
    this.slider.setAttribute("aria-valuetext", said);
    put(this.readout, said);
    this.chart?.draw();
  }

  sayDay(date) {
    const { texts } = this;
    const { words } = texts;
    const { told, expected, sold, elsewhere } = dayOf(this.series, date, this.own, this.markets);
    const said = [];
    if (told && Number(told.low) === Number(told.high)) said.push(dollars(told.low));
    else if (told) said.push(say(words.dayTold, { range: texts.range(told.low, told.high), reference: dollars(told.reference) }));
    if (told?.mostly_low && told.mostly_high) said.push(say(words.dayMostly, { range: texts.range(told.mostly_low, told.mostly_high) }));
    if (expected) said.push(say(words.dayExpected, { low: dollars(expected.low), high: dollars(expected.high), value: dollars(expected.value) }));
    for (const { name, price } of sold) said.push(say(words.dayOwn, { name, price: dollars(price) }));
    for (const { market, reference } of elsewhere) said.push(say(words.dayElsewhere, { market, price: dollars(reference) }));
    if (!told && !expected) said.unshift(words.dayNothing);
    return `${texts.day(date)}: ${said.join("; ")}`;
  }

  /** Each layer with its look, to be switched off and on; a layer that is not there has no entry. */
  drawLegend() {
    const { words } = this.texts;
    const names = { range: words.layerRange, mostly: words.layerMostly, reference: words.layerReference, trend: this.series.trend && this.trendName(), estimate: words.layerEstimate };
    const there = new Set(this.layers.map(({ kind, key }) => partOf(kind, key)));
    const entries = Object.keys(PARTS).filter((part) => there.has(part)).map((part) => this.entry(part, names[part], PARTS[part]));
    for (const { key, kind, place, name } of this.layers) if (kind === "own") entries.push(this.entry(key, say(words.layerOwn, { name }), ["own"], place));
    const focused = this.legend.querySelector(":focus")?.value;
    this.legend.replaceChildren(...entries);
    if (focused) this.legend.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
  }

  trendName() {
    return say(this.texts.words.layerTrend, { share: this.texts.signedShare(Number(this.series.trend.pct_week)) });
  }

  entry(part, name, kinds, place = 0) {
    const box = element("input", { type: "checkbox", value: part, checked: !this.off.has(part) });
    return element("li", {}, element("label", { class: "choice" }, box, swatch(kinds, place), element("span", {}, name)));
  }

  offerRanges() {
    const { words } = this.texts;
    const wide = rangesFor(this.series);
    const names = { 31: words.lastMonth, 92: words.lastQuarter, 366: words.lastYear };
    this.ranges.closest("[data-range-choice]").hidden = wide.length === 0;
    const options = [...wide.map((days) => [days, names[days]]), [0, words.allDays]];
    this.ranges.replaceChildren(...options.map(([value, text]) => element("option", { value, selected: value === this.lastDays }, text)));
  }
}

function partOf(kind, key) {
  return Object.keys(PARTS).find((part) => PARTS[part].includes(kind)) ?? key;
}

/** A small drawing of how a layer looks, as SVG: patterns tell apart what colours may not. */
export function swatch(kinds, place = 0) {
  const svg = element("span", { class: "swatch", "aria-hidden": "true" });
  svg.innerHTML = `<svg viewBox="0 0 32 16" focusable="false">${kinds.map((kind) => shape(look(kind, place))).join("")}</svg>`;
  return svg;
}

function shape({ colour, fill, width, dash = [] }) {
  if (fill) return `<rect class="ink-${colour}" width="32" height="16" fill-opacity="${Math.min(fill * 1.6, 1)}"/>`;
  return `<path class="ink-${colour}" d="M0 8h32" fill="none" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"/>`;
}
