// What the market prices pages compute in the browser, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { faint } from "../../src/orders/static/js/chart-colours.js";
import { MarketDays, businessDaysBetween, withBreaks } from "../../src/orders/static/js/market-days.js";
import { datasetsOf, look, spread } from "../../src/orders/static/js/price-chart.js";
import { backtestTexts, methodText, noEstimateText, trendText } from "../../src/orders/static/js/price-estimate.js";
import { dayOf, layersOf, rangesFor, shownDays } from "../../src/orders/static/js/price-layers.js";
import { rowsOf, sorted } from "../../src/orders/static/js/price-table.js";
import { rowText } from "../../src/orders/static/js/reported-rows.js";
import { PriceTexts, changePct, dollars, weekBefore } from "../../src/orders/static/js/price-texts.js";
import { newsText, safeAddress } from "../../src/orders/static/js/series-texts.js";

const COLOURS = Object.fromEntries(["leaf", "amber", "meter-amber", "ink", "ink-soft", "line", "card", "sky", "plum", "clay"].map((name) => [name, "#102030"]));
const WORDS = {
  range: "%(low)s–%(high)s",
  organic: "organic",
  perPackage: "a package",
  perPound: "a pound",
  perUnit: "per %(unit)s",
  up: "up %(share)s",
  down: "down %(share)s",
  level: "level",
  summaryNone: "%(name)s: none",
  summaryNow: "%(name)s, %(market)s: %(price)s %(per)s on %(day)s.",
  summaryWeek: "On %(day)s %(price)s, %(move)s.",
  summaryExpected: "For %(day)s %(low)s to %(high)s.",
  figureLast: "last, %(day)s",
  figureBefore: "before, %(day)s",
  figureExpected: "expected, %(day)s",
  figureEstimate: "our estimate",
  middle: "middle %(price)s",
  noPrice: "no price",
  weightStated: "%(weight)s lb, %(price)s",
  weightRange: "middle %(weight)s lb, %(price)s",
  weightAbout: "about %(weight)s lb, %(price)s",
  weightHandbook: "by the handbook %(weight)s lb, %(price)s",
  estimate: "estimate",
  afterDays: { one: "%(num)s day", other: "%(num)s days" },
  afterWeeks: { one: "%(num)s week", other: "%(num)s weeks" },
  tried: { one: "%(after)s %(num)s %(miss)s %(same)s %(inside)s", other: "%(after)s %(num)s %(miss)s %(same)s %(inside)s" },
  notTried: "not tried",
  newQuote: "new %(price)s %(day)s",
  withdrawn: "withdrawn %(day)s",
  trend: "%(share)s (%(low)s, %(high)s)",
  methodNaive: "naive words",
  methodOther: "other words",
  tooFew: "few",
  tooOld: "old",
  noEstimate: "none",
};
const texts = new PriceTexts(WORDS, "en", {}, "2026-01-08");

function quote(date, low, high = low, more = {}) {
  const reference = String((Number(low) + Number(high)) / 2);
  return { date, low: String(low), high: String(high), mostly_low: null, mostly_high: null, reference, ...more };
}

function series(points, more = {}) {
  return { series_id: "s", market: "Los Angeles", commodity: "Strawberries", name_es: "Fresas", variety: "", package: "flats 8 1-lb containers with lids", size: "medium-large", organic: false, unit: "package", weight_lb: null, weight_source: null, points, trend: null, forecast: null, no_forecast: null, ...more };
}

const WEEK = [quote("2026-01-02", 12, 14), quote("2026-01-05", 12, 14), quote("2026-01-06", 10, 12), quote("2026-01-07", 10, 12), quote("2026-01-08", 18, 20)];

test("weekends have no place on the axis, weekdays without a quote keep theirs", () => {
  const days = new MarketDays(["2026-01-02", "2026-01-06"]);
  assert.deepEqual(days.all, ["2026-01-02", "2026-01-05", "2026-01-06"]);
  assert.equal(days.place("2026-01-03"), 1);
  assert.equal(days.place("2026-01-09"), undefined);
  assert.equal(days.place("2025-12-31"), undefined);
});

test("a report of a Saturday has its place, and no days are no axis", () => {
  assert.deepEqual(new MarketDays(["2016-09-24", "2016-09-26"]).all, ["2016-09-24", "2016-09-26"]);
  assert.deepEqual(new MarketDays([]).all, []);
});

test("a line breaks where quotes are missing, but not over a weekend or in a weekly report", () => {
  const points = ["2026-01-02", "2026-01-05", "2026-01-14"].map((date) => ({ date }));
  const days = new MarketDays(points.map(({ date }) => date));
  assert.deepEqual(withBreaks(points, days).map(({ isBreak }) => Boolean(isBreak)), [false, false, true, false]);
  const weekly = ["2016-09-10", "2016-09-17", "2016-09-24", "2016-10-01"].map((date) => ({ date }));
  assert.equal(withBreaks(weekly, new MarketDays(weekly.map(({ date }) => date))).length, 4);
});

test("market days are counted as the server counts them", () => {
  for (const [start, end, count] of [["2026-01-08", "2026-01-08", 0], ["2026-01-09", "2026-01-12", 1], ["2026-01-02", "2026-01-08", 4], ["2026-01-08", "2026-01-02", 0]]) {
    assert.equal(businessDaysBetween(start, end), count);
  }
});

test("prices are written as the server writes them, exactly", () => {
  for (const [price, text] of [["18.00", "$18.00"], ["0.5", "$0.50"], ["1234.5", "$1,234.50"], ["0.3333", "$0.3333"]]) assert.equal(dollars(price), text);
});

test("last week is the newest quote five days older or more", () => {
  assert.equal(weekBefore(WEEK).date, "2026-01-02");
  assert.equal(weekBefore(WEEK.slice(1)), null);
  assert.equal(weekBefore([]), null);
  assert.equal(changePct("19", "13"), 46.2);
  assert.equal(changePct("19", "0"), null);
});

test("the figures are the last quote, the one of a week before and what is expected, each with its unit", () => {
  const forecast = { points: [{ date: "2026-01-09", low: "17.5", high: "20.5", value: "19" }] };
  assert.deepEqual(texts.keyFigures(series(WEEK, { forecast })), [
    { title: "last, Thu, Jan 8", value: "$18.00–$20.00", unit: "a package", note: "middle $19.00" },
    { title: "before, Fri, Jan 2", value: "$12.00–$14.00", unit: "a package", note: "▲ up 46.2\u00a0%" },
    { title: "expected, Fri, Jan 9", value: "$17.50–$20.50", unit: "a package", note: "our estimate" },
  ]);
  const [only, ...others] = texts.keyFigures(series([quote("2026-01-08", 18)], { unit: "lb" }));
  assert.deepEqual(only, { title: "last, Thu, Jan 8", value: "$18.00", unit: "a pound", note: "" });
  assert.deepEqual(others, []);
});

test("a row of a report without a price to compare tells what it has, and nothing of what it has not", () => {
  assert.equal(rowText({ low: "18.00", high: "20.00", origin: "California", quality: "Fine Appearance", comment: "" }, texts), "$18.00–$20.00 · California · Fine Appearance");
  assert.equal(rowText({ low: null, high: null, origin: "", quality: "", comment: "offerings insufficient" }, texts), "no price · offerings insufficient");
});

test("the summary says the last quote, last week and what is expected", () => {
  const forecast = { points: [{ date: "2026-01-15", low: "17.5", high: "21", value: "19" }] };
  assert.equal(
    texts.summary(series(WEEK, { forecast })),
    "Strawberries, flats 8 1-lb containers with lids, medium-large, Los Angeles: $18.00–$20.00 a package on Thu, Jan 8. On Fri, Jan 2 $12.00–$14.00, up 46.2\u00a0%. For Thu, Jan 15 $17.50 to $21.00.",
  );
  assert.equal(texts.summary(series([])), "Strawberries, flats 8 1-lb containers with lids, medium-large: none");
});

test("in Spanish the name, the days and the pack are Spanish", () => {
  const glossary = { containers: { flats: "charolas", containers: "envases" }, phrases: { "medium-large": "mediano a grande" } };
  const spanish = new PriceTexts(WORDS, "es", glossary, "2026-01-08");
  assert.match(spanish.summary(series(WEEK)), /^Fresas, charolas de 8 envases de 1 lb with lids, mediano a grande, Los Angeles: .* jue, 8 de ene\./);
});

test("a day of another year says so", () => {
  assert.equal(texts.day("2025-12-10"), "Wed, Dec 10, 2025");
  assert.equal(texts.shortDay("2025-12-10"), "Dec 10, 2025");
});

test("a pound's price is told with who states the weight, and of packages only", () => {
  const stated = series(WEEK, { weight_lb: "8.00", weight_source: "stated" });
  assert.equal(texts.weight(stated), "8 lb, $2.38");
  assert.equal(texts.weight({ ...stated, weight_source: "stated range" }), "middle 8 lb, $2.38");
  assert.equal(texts.weight({ ...stated, weight_source: "stated approximately" }), "about 8 lb, $2.38");
  assert.equal(texts.weight({ ...stated, weight_source: "H-697" }), "by the handbook 8 lb, $2.38");
  for (const not of [{ weight_source: null }, { weight_source: "a guess" }, { weight_lb: null }, { unit: "lb" }, { points: [] }]) assert.equal(texts.weight({ ...stated, ...not }), "");
});

test("a method is told in words, also one that nobody told this page of", () => {
  assert.equal(methodText("naive", WORDS), "naive words");
  for (const unknown of ["quantum", "constructor", "", null, undefined]) assert.equal(methodText(unknown, WORDS), "other words");
});

test("how far off the estimate was is told for each horizon that was tried", () => {
  const backtest = [
    { days: 1, origins: 42, mape_pct: 0.7, naive_mape_pct: 0.8, coverage: 0.917 },
    { days: 5, origins: 1, mape_pct: "3.0", naive_mape_pct: null, coverage: "0.8" },
    { days: 10, origins: 4, mape_pct: 5, naive_mape_pct: 6, coverage: null },
    { days: 10, origins: 0, mape_pct: null, naive_mape_pct: null, coverage: null },
  ];
  assert.deepEqual(backtestTexts({ backtest }, texts), ["1 day 42 0.7\u00a0% 0.8\u00a0% 91.7\u00a0%", "1 week 1 3\u00a0% 3\u00a0% 80\u00a0%"]);
  assert.deepEqual(backtestTexts({ backtest: backtest.slice(2) }, texts), ["not tried"]);
  assert.deepEqual(backtestTexts({}, texts), ["not tried"]);
});

test("where there is no estimate, why is said", () => {
  const said = (reason, more = {}) => noEstimateText(series(WEEK, { no_forecast: reason, ...more }), WORDS);
  assert.deepEqual([said("too few quotes"), said("stale"), said(null), said("something new")], ["few", "old", "none", "none"]);
  assert.equal(said(null, { forecast: {} }), "");
  assert.equal(said(null, { points: [] }), "");
});

test("the trend tells its own band", () => {
  assert.equal(trendText({ pct_week: "1.84", pct_week_low: -0.4, pct_week_high: 4 }, texts), "+1.8\u00a0% (\u22120.4\u00a0%, +4\u00a0%)");
});

test("the chart has a layer for what there is, and none for what there is not", () => {
  const plain = series(WEEK);
  const kinds = (given, more = {}) => layersOf(given, { days: shownDays(given, 0), ...more }).map(({ kind }) => kind);
  assert.deepEqual(kinds(plain), ["range", "reference"]);
  const trend = { points: [{ date: "2026-01-02", value: "13", low: "12", high: "14" }, { date: "2026-01-08", value: "15", low: "14", high: "16" }] };
  const forecast = { points: [{ date: "2026-01-09", value: "19", low: "18", high: "20" }] };
  const points = [...WEEK.slice(0, 4), quote("2026-01-08", 18, 20, { mostly_low: "18.5", mostly_high: "19" })];
  const own = [{ name: "Fresas", prices: [{ since: "2026-01-05", until: "2026-01-07", price: "25.00" }] }];
  const markets = [{ series_id: "m", market: "Chicago", place: 0, points: [{ date: "2026-01-08", reference: "20" }] }];
  assert.deepEqual(kinds(series(points, { trend, forecast }), { own, markets }), ["range", "mostly", "reference", "trendBand", "trend", "fan", "expected", "own", "market"]);
});

test("the fan begins at the last quote, so that no gap lies between what is known and what is expected", () => {
  const forecast = { points: [{ date: "2026-01-09", value: "19", low: "18", high: "20" }] };
  const given = series(WEEK, { forecast });
  const fan = layersOf(given, { days: shownDays(given, 0) }).find(({ kind }) => kind === "fan");
  assert.deepEqual(fan.values, [{ x: 4, low: 19, high: 19 }, { x: 5, low: 18, high: 20 }]);
});

test("our price holds until the next market day, the last one until its delivery, one before the chart into it", () => {
  const given = series(WEEK);
  const days = shownDays(given, 0);
  const prices = [
    { since: "2025-12-20", until: "2025-12-21", price: "9" },
    { since: "2025-12-30", until: "2026-01-02", price: "10" },
    { since: "2026-01-05", until: "2026-01-06", price: "11" },
    { since: "2026-01-07", until: "2026-02-01", price: "12" },
    { since: "2026-02-02", until: "2026-02-03", price: "13" },
  ];
  const own = layersOf(given, { days, own: [{ name: "F", prices }] }).find(({ kind }) => kind === "own");
  assert.deepEqual(own.values, [{ x: 0, y: 10 }, { x: 1, y: 11 }, { x: 3, y: 12 }, { x: 4, y: 12 }]);
  const gone = layersOf(given, { days, own: [{ name: "F", prices: prices.slice(0, 1) }] });
  assert.equal(gone.some(({ kind }) => kind === "own"), false);
});

test("only ranges that leave something out are offered", () => {
  assert.deepEqual(rangesFor(series(WEEK)), []);
  assert.deepEqual(rangesFor(series([quote("2021-05-03", 5), ...WEEK])), [31, 92, 366]);
  assert.equal(shownDays(series([quote("2025-11-03", 5), ...WEEK]), 31).all[0], "2026-01-02");
  assert.deepEqual(rangesFor(series([])), []);
});

test("a day says quote, estimate, our price and other markets", () => {
  const own = [{ name: "F", prices: [{ since: "2026-01-07", until: "2026-01-08", price: "12" }] }];
  const said = dayOf(series(WEEK), "2026-01-08", own, [{ market: "Chicago", points: [{ date: "2026-01-08", reference: "20" }] }]);
  assert.deepEqual([said.told.low, said.expected, said.sold[0].price, said.elsewhere], ["18", undefined, "12", [{ market: "Chicago", reference: "20" }]]);
  assert.equal(dayOf(series(WEEK), "2026-01-01").told, undefined);
});

test("every kind of layer has a look, and what colours may not tell apart, dashes do", () => {
  for (const kind of ["range", "mostly", "reference", "trendBand", "trend", "fan", "expected", "own", "market"]) assert.ok(look(kind).colour in COLOURS, kind);
  const looks = Array.from({ length: 9 }, (_, place) => JSON.stringify(look("market", place)));
  assert.equal(new Set(looks).size, 9);
});

test("a range of one day is still drawn", () => {
  const given = series([quote("2026-01-08", 18, 20)]);
  const [range, reference] = datasetsOf(layersOf(given, { days: shownDays(given, 0) }), COLOURS);
  assert.deepEqual(range.data, [{ x: 0, y: 18 }, { x: 0, y: 20 }]);
  assert.equal(range.borderWidth > 0, true);
  assert.equal(reference.pointRadius({ dataIndex: 0 }) > 0, true);
});

test("a quote that stands alone between two gaps is a dot, not nothing", () => {
  const points = [quote("2026-01-02", 1), quote("2026-01-05", 1), quote("2026-01-20", 2), quote("2026-02-06", 3), quote("2026-02-09", 3)];
  const given = series(points);
  const reference = datasetsOf(layersOf(given, { days: shownDays(given, 0) }), COLOURS).find(({ key }) => key === "reference");
  const alone = reference.data.findIndex(({ y }) => y === 2);
  assert.equal(reference.pointRadius({ dataIndex: alone }) > 0, true);
  assert.equal(reference.pointRadius({ dataIndex: 0 }), 0);
});

test("labels of days stand at even distances and end with the last", () => {
  assert.deepEqual(spread(21, 11), [0, 3, 6, 9, 12, 15, 18, 21]);
  assert.deepEqual(spread(4, 10), [0, 1, 2, 3, 4]);
  assert.deepEqual(spread(0, 5), [0]);
});

test("colours are let through, system colours are not taken apart", () => {
  assert.equal(faint("#2c6a2e", 0.2), "rgba(44, 106, 46, 0.2)");
  assert.equal(faint("CanvasText", 0.2), "transparent");
});

test("a series that was always quoted at one price has no range to draw", () => {
  const kinds = (points) => layersOf(series(points), { days: shownDays(series(points), 0) }).map(({ kind }) => kind);
  assert.deepEqual(kinds([quote("2026-01-07", 10), quote("2026-01-08", 11)]), ["reference"]);
  assert.deepEqual(kinds([quote("2026-01-07", 10), quote("2026-01-08", 11, 12)]), ["range", "reference"]);
});

test("the table is sorted by any column, days without that figure last", () => {
  const forecast = { points: [{ date: "2026-01-09", value: "19", low: "18", high: "20" }] };
  const points = [quote("2026-01-06", 10, 12, { mostly_low: "10.5", mostly_high: "11" }), quote("2026-01-07", 9, 12)];
  const rows = rowsOf(series(points, { forecast }), texts);
  assert.deepEqual(rows.map(({ label }) => label), ["Fri, Jan 9", "Wed, Jan 7", "Tue, Jan 6"]);
  assert.deepEqual(rows.map(({ note }) => note), ["estimate", undefined, undefined]);
  assert.deepEqual(sorted(rows, 0, true).map(({ date }) => date), ["2026-01-06", "2026-01-07", "2026-01-09"]);
  assert.deepEqual(sorted(rows, 1, true).map(({ date }) => date), ["2026-01-07", "2026-01-06", "2026-01-09"]);
  for (const isRising of [true, false]) assert.equal(sorted(rows, 2, isRising)[0].date, "2026-01-06");
});

test("a link to a report leads to the web or nowhere", () => {
  assert.equal(safeAddress("https://example.org/x"), "https://example.org/x");
  for (const bad of ["javascript:alert(1)", "data:text/html,x", "", null, undefined, "x"]) assert.equal(safeAddress(bad), null);
});

test("news tell a quote, and one that a correction took back", () => {
  assert.equal(newsText({ date: "2026-01-08", low: "18", high: "20", reference: "19" }, texts), "new $18.00–$20.00 Thu, Jan 8");
  assert.equal(newsText({ date: "2026-01-08", low: null, high: null, reference: null }, texts), "withdrawn Thu, Jan 8");
});
