// The page of one market series: asked of the price service, drawn, and kept up to date.

import { Announcer } from "./announcer.js";
import { showConnection } from "./connection.js";
import { MarketComparison } from "./market-comparison.js";
import { PriceSource, noticesOf } from "./price-source.js";
import { PriceTable, rowsOf } from "./price-table.js";
import { PriceTexts } from "./price-texts.js";
import { showRows } from "./reported-rows.js";
import { goLive } from "./realtime.js";
import { SeriesChart } from "./series-chart.js";
import { fillTexts, nameSeries, newsText } from "./series-texts.js";
import { readWords } from "./words.js";

const NEWS_WITHIN_MS = 2_000;
const ESTIMATED_WITHIN_MS = 60_000;
const NOT_FOUND = 404;

const place = document.querySelector("[data-series]");
if (place) openSeries(place);

function openSeries(place) {
  const facts = place.dataset;
  const words = readWords(place);
  const texts = new PriceTexts(words, document.documentElement.lang, JSON.parse(facts.glossary), facts.today);
  const own = JSON.parse(facts.own);
  const filled = place.querySelector("[data-filled]");
  const chart = new SeriesChart(place.querySelector("[data-chart]"), texts);
  const table = new PriceTable(place.querySelector("[data-table]"), texts);
  const comparison = new MarketComparison(place.querySelector("[data-comparison]"), texts, facts.series, (markets) => chart.compare(markets));
  const announcer = new Announcer(place.querySelector("[data-said]"), words);
  const source = new PriceSource(noticesOf(place.querySelector("[data-series-notices]")));

  const load = async () => {
    const answer = await source.ask(`/series/${facts.series}`);
    if (!answer) return;
    const isKnown = answer.status < 400;
    const isThere = isKnown && answer.body.points.length > 0;
    const without = place.querySelector("[data-no-points]");
    place.querySelector("[data-missing]").hidden = answer.status !== NOT_FOUND;
    without.hidden = isThere || answer.status === NOT_FOUND;
    filled.hidden = !isThere;
    document.querySelector("[data-told-before]")?.remove();
    if (isKnown) nameSeries(answer.body, texts);
    if (!isThere) return isKnown && showRows(without, answer.body, texts);
    const series = answer.body;
    const age = series.age_business_days;
    fillTexts(place, series, texts, age > Number(facts.staleAfter) ? age : 0);
    chart.show(series, own);
    table.show(rowsOf(series, texts));
    comparison.load();
  };

  place.addEventListener("click", ({ target }) => target.closest("[data-again]") && source.wake());
  load();
  let soon = null;
  let later = null;
  const refresh = () => {
    soon ??= setTimeout(() => {
      soon = null;
      load();
    }, Math.random() * NEWS_WITHIN_MS); // every open page hears the same news
    clearTimeout(later);
    later = setTimeout(load, ESTIMATED_WITHIN_MS + Math.random() * ESTIMATED_WITHIN_MS); // the estimate follows the quotes
  };
  goLive([{ c: "prices", since: Number(facts.since) }], {
    message: ({ c: channel, d: data }) => {
      if (channel !== "prices") return;
      if (data.series_id === facts.series) announcer.add([newsText(data, texts)], true);
      if (data.series_id === facts.series || comparison.shows(data.series_id)) refresh();
    },
    reset: refresh,
    state: (state) => showConnection(place, state),
  });
}
