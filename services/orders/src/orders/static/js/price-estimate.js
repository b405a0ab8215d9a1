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

/** A sentence for each horizon that was tried on the past often enough; one that says so when none was. */
export function backtestTexts({ backtest = [] }, texts) {
  const { words } = texts;
  const judged = backtest.filter(({ mape_pct: miss, coverage }) => isTold(miss) && isTold(coverage));
  if (!judged.length) return [words.notTried];
  return judged.map((tried) => {
    const inside = texts.share(Number(tried.coverage) * 100);
    return say(words.tried, { after: after(tried.days, words), num: tried.origins, miss: texts.share(tried.mape_pct), same: texts.share(tried.naive_mape_pct ?? tried.mape_pct), inside });
  });
}

function isTold(value) {
  return value !== null && value !== undefined;
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
