// What is said of our estimate: how it is made, how far off it has been, or why there is none.

import { say } from "./words.js";

const MARKET_WEEK = 5;

export function methodText(method, words) {
  const known = {
    naive: words.methodNaive,
    "short-mean": words.methodMean,
    smoothing: words.methodSmooth,
    "damped-drift": words.methodDrift,
    "change-regression": words.methodChange,
    seasonal: words.methodSeason,
  };
  return (Object.hasOwn(known, method ?? "") && known[method]) || words.methodOther;
}

/** One sentence for each horizon that was tried on the past; how often the band held only where enough were tried. */
export function backtestTexts({ backtest = [] }, texts) {
  const { words } = texts;
  const isTold = (value) => value !== null && value !== undefined;
  return backtest.filter(({ origins, mape_pct: miss }) => origins > 0 && isTold(miss)).map((tried) => {
    const values = { after: after(tried.days, words), num: tried.origins, miss: texts.share(tried.mape_pct), same: texts.share(tried.naive_mape_pct ?? tried.mape_pct) };
    const held = isTold(tried.coverage) ? say(words.held, { inside: texts.share(Number(tried.coverage) * 100) }) : words.heldUnknown;
    return `${say(words.tried, values)} ${held}`;
  });
}

function after(days, words) {
  return days % MARKET_WEEK ? say(words.afterDays, { num: days }) : say(words.afterWeeks, { num: days / MARKET_WEEK });
}

/** Why there is no estimate; an empty text when there is one, or when nothing is told. */
export function noEstimateText({ forecast, no_forecast: reason, points }, words) {
  if (forecast || !points.length) return "";
  if (reason === "stale") return words.tooOld;
  return reason?.includes("few") ? words.tooFew : words.noEstimate;
}

export function trendText(trend, texts) {
  const { words } = texts;
  const slope = Number(trend.pct_week);
  const band = { low: texts.signedShare(Number(trend.pct_week_low)), high: texts.signedShare(Number(trend.pct_week_high)) };
  return say(words.trend, { share: texts.signedShare(slope), ...band });
}
