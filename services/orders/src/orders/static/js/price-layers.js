// What the chart of a series shows, layer by layer: plain data, before any drawing.

import { MarketDays, addDays, placed, withBreaks } from "./market-days.js";

export const RANGES = [31, 92, 366];

/** The days shown: the last `lastDays` of the calendar (all without), and as far as the estimate reaches. */
export function shownDays(series, lastDays) {
  const dates = series.points.map(({ date }) => date);
  const first = lastDays && dates.length ? addDays(dates.at(-1), -lastDays) : "";
  const future = (series.forecast?.points ?? []).map(({ date }) => date);
  return new MarketDays([...dates.filter((date) => date >= first), ...future]);
}

/** The ranges worth a choice: those that leave something out. */
export function rangesFor({ points }) {
  if (!points.length) return [];
  return RANGES.filter((days) => points[0].date < addDays(points.at(-1).date, -days));
}

export function layersOf(series, { days, own = [], markets = [] }) {
  const { points, trend, forecast } = series;
  const mostly = points.filter(({ mostly_low: low, mostly_high: high }) => low && high);
  const ranged = points.some(({ low, high }) => Number(low) !== Number(high));
  const layers = [area("range", ranged ? points : [], days), area("mostly", mostly.map((point) => ({ ...point, low: point.mostly_low, high: point.mostly_high })), days)];
  layers.push(line("reference", points.map((point) => ({ ...point, value: point.reference })), days));
  if (trend?.points?.length) layers.push(area("trendBand", trend.points, days, placed), line("trend", trend.points, days, placed));
  if (forecast?.points?.length && points.length) {
    const last = points.at(-1);
    const start = { date: last.date, low: last.reference, high: last.reference, value: last.reference };
    layers.push(area("fan", [start, ...forecast.points], days, placed), line("expected", [start, ...forecast.points], days, placed));
  }
  own.forEach((product, place) => layers.push({ ...steps(product, days), key: `own-${place}`, place, name: product.name }));
  for (const { series_id: id, market, points: told, place } of markets) {
    layers.push({ ...line("market", told.map((point) => ({ ...point, value: point.reference })), days), key: `market-${id}`, place, name: market });
  }
  return layers.filter(({ values }) => values.length);
}

/** What is told is broken where days are missing; what was computed (`placed`) goes on. */
function area(kind, points, days, place = withBreaks) {
  return { kind, key: kind, values: place(points, days).map(({ x, isBreak, low, high }) => ({ x, low: isBreak ? NaN : Number(low), high: isBreak ? NaN : Number(high) })) };
}

function line(kind, points, days, place = withBreaks) {
  return { kind, key: kind, values: place(points, days).map(({ x, isBreak, value }) => ({ x, y: isBreak ? NaN : Number(value) })) };
}

/** Our own price: it holds from the day a market day opened until the next one does, the last until its delivery. */
function steps({ prices }, days) {
  const [first, end] = [days.all[0], days.all.at(-1)];
  const started = prices.filter(({ since }) => since <= end);
  const inForce = started.findLast(({ since }) => since < first);
  const seen = started.filter(({ since, until }) => since >= first || (since === inForce?.since && until >= first));
  const values = seen.map(({ since, price }) => ({ x: days.place(since < first ? first : since), y: Number(price) }));
  const last = seen.at(-1);
  if (last) values.push({ x: days.place(last.until > end ? end : last.until), y: Number(last.price) });
  return { kind: "own", values };
}

/** What a day says, each as a pair of a layer's kind and its figures; for the line under the chart and the table. */
export function dayOf(series, date, own = [], markets = []) {
  const told = series.points.find((point) => point.date === date);
  const expected = series.forecast?.points.find((point) => point.date === date);
  const sold = own.flatMap(({ name, prices }) => {
    const price = prices.findLast(({ since, until }) => since <= date && date <= until);
    return price ? [{ name, ...price }] : [];
  });
  const elsewhere = markets.flatMap(({ market, points }) => {
    const point = points.find((each) => each.date === date);
    return point ? [{ market, reference: point.reference }] : [];
  });
  return { date, told, expected, sold, elsewhere };
}
