// What stands around the chart of a series: its name, where it comes from, how old it is, what is expected and why.

import { element } from "./element.js";
import { backtestTexts, methodText, noEstimateText, trendText } from "./price-estimate.js";
import { dollars } from "./price-texts.js";
import { put } from "./quiet-text.js";
import { writeAddress } from "./series-picks.js";
import { say } from "./words.js";

/** Fill the places of the page; one that has nothing to say is hidden. `staleDays`: how old the last quote is, 0 for not too old. */
export function fillTexts(place, series, texts, staleDays) {
  const { words } = texts;
  const find = (name) => place.querySelector(`[data-${name}]`);
  const tell = (name, text) => {
    put(find(name), text);
    (find(name)?.closest("[data-part]") ?? find(name))?.toggleAttribute("hidden", !text);
  };
  tell("summary", texts.summary(series));
  find("figures").replaceChildren(...texts.keyFigures(series).map(figure));
  put(find("axis"), say(words.axis, { per: texts.per(series) }));
  tell("old", staleDays ? texts.old(series.points.at(-1).date, staleDays) : "");
  tell("weight", texts.weight(series));
  tell("no-estimate", noEstimateText(series, words));
  fillEstimate(place, series, texts, tell);
  fillSource(find, series, texts, tell);
}

/** Name the series at the page's head, and the way back to the others of its commodity. */
export function nameSeries(series, texts) {
  document.title = `${texts.name(series)} · ${document.title.split(" · ").at(-1)}`;
  put(document.querySelector("[data-title]"), texts.commodity(series));
  put(document.querySelector("[data-kind]"), [texts.kind(series), series.market].filter(Boolean).join(" · "));
  const back = document.querySelector("[data-back]");
  back.href = writeAddress({ commodity: series.commodity, picks: {} });
  put(back.querySelector("span"), say(texts.words.otherPrices, { name: texts.commodity(series) }));
}

function figure({ title, value, unit, note }) {
  const parts = [element("dd", {}, element("strong", { class: "num" }, value), " ", element("span", { class: "soft" }, unit)), note && element("dd", { class: "fine" }, note)];
  return element("div", {}, element("dt", { class: "small" }, title), ...parts.filter(Boolean));
}

function fillEstimate(place, { trend, forecast }, texts, tell) {
  const { words } = texts;
  tell("trend", trend ? trendText(trend, texts) : "");
  tell("method", forecast ? say(words.method, { how: methodText(forecast.method, words), num: forecast.quotes, day: texts.day(forecast.as_of) }) : "");
  const tried = forecast ? backtestTexts(forecast, texts) : [];
  place.querySelector("[data-tried]").replaceChildren(...tried.map((text) => element("li", {}, text)));
}

function fillSource(find, { report, market, points }, texts, tell) {
  const { words } = texts;
  const last = points.at(-1);
  const told = { report: report?.title || say(words.reportNumber, { number: report?.report_id ?? last?.report_id }), market, day: last ? texts.day(report?.date ?? last.date) : "" };
  tell("source", last ? say(words.source, told) : "");
  const link = find("report-link");
  const address = safeAddress(report?.url);
  link.hidden = !address;
  if (address) link.href = address;
  tell("narrative", (report?.narrative ?? "").trim());
}

/** Only addresses of the web: what a report names is not ours. */
export function safeAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol) ? text : null;
  } catch {
    return null;
  }
}

/** The line that tells of a quote that came, or that a correction took back, while one looked. */
export function newsText({ low, high, reference, date }, texts) {
  const day = texts.day(date);
  if (!low && !reference) return say(texts.words.withdrawn, { day });
  return say(texts.words.newQuote, { price: low && high ? texts.range(low, high) : dollars(reference), day });
}
