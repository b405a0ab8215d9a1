// The series of a commodity as rows: last quote, its day, and how it moved in a week.

import { element } from "./element.js";
import { addDays, businessDaysBetween } from "./market-days.js";
import { dollars } from "./price-texts.js";
import { say } from "./words.js";

const SHOWN_AT_ONCE = 100;
const A_WEEK = 7;

/** What has a price of the newest days comes first, then old prices, then what was only named; else as the service sorts. */
export function pricedFirst(items) {
  const [newest] = items.map(({ last_date: on }) => on).sort().reverse();
  const rank = (series) => (series.low === null ? 2 : series.last_date < addDays(newest, -A_WEEK) ? 1 : 0);
  return [...items].sort((a, b) => rank(a) - rank(b));
}

export class SeriesList {
  constructor(list, more, texts, facts) {
    Object.assign(this, { list, more, texts, facts, items: [] });
    more.addEventListener("click", () => this.showRest());
  }

  show(series) {
    const items = pricedFirst(series);
    this.items = items;
    this.list.replaceChildren(...items.slice(0, SHOWN_AT_ONCE).map((series) => this.row(series)));
    const rest = items.length - SHOWN_AT_ONCE;
    this.more.hidden = rest <= 0;
    this.more.textContent = say(this.texts.words.showRest, { num: Math.max(rest, 1) });
  }

  showRest() {
    const rest = this.items.slice(SHOWN_AT_ONCE).map((series) => this.row(series));
    this.list.append(...rest);
    this.more.hidden = true;
    rest[0]?.querySelector("a").focus();
  }

  row(series) {
    const { texts } = this;
    const { words } = texts;
    const move = texts.move(series.change_pct_week);
    const isOld = businessDaysBetween(series.last_date, this.facts.today) > Number(this.facts.staleAfter);
    const name = element("span", { class: "what" }, element("strong", {}, texts.kind(series) || texts.commodity(series)), element("span", { class: "fine" }, series.market));
    const isQuoted = series.low !== null && series.high !== null;
    const price = element("span", { class: "num" }, isQuoted ? element("strong", {}, texts.range(series.low, series.high)) : words.noPrice);
    const told = [
      move && element("span", { class: `move ${move.way}` }, element("span", { "aria-hidden": "true" }, `${move.arrow} `), move.text),
      element("span", { class: isOld ? "soon" : "soft" }, say(isQuoted ? (isOld ? words.oldOn : words.quotedOn) : words.namedOn, { day: texts.shortDay(series.last_date) })),
      isQuoted && series.low !== series.high ? element("span", { class: "soft" }, say(words.middle, { price: dollars(series.reference) })) : null,
    ];
    return element("li", {}, element("a", { class: "card", href: `/prices/${series.series_id}` }, name, price, element("span", { class: "told" }, ...told)));
  }
}
