// The same series in other markets, each switched on as a line of the chart.

import { element } from "./element.js";
import { PriceSource, noticesOf } from "./price-source.js";
import { dollars } from "./price-texts.js";
import { put } from "./quiet-text.js";
import { swatch } from "./series-chart.js";
import { say } from "./words.js";

export class MarketComparison {
  constructor(place, texts, seriesId, changed) {
    Object.assign(this, { place, texts, seriesId, changed, markets: [], on: new Set() });
    this.list = place.querySelector("[data-markets]");
    this.source = new PriceSource(noticesOf(place.querySelector("[data-market-notices]")));
    this.list.addEventListener("change", ({ target }) => this.toggle(target));
  }

  async load() {
    const answer = await this.source.ask(`/series/${this.seriesId}/markets`);
    if (!answer || answer.status >= 400) return;
    const others = answer.body.items.filter(({ series_id: id }) => id !== this.seriesId);
    this.markets = others.map((market, place) => ({ ...market, place }));
    this.place.hidden = false;
    this.place.querySelector("[data-alone]").hidden = others.length > 0;
    this.draw();
    if (this.on.size) this.tell();
  }

  shows(id) {
    return this.on.has(id);
  }

  toggle({ value, checked }) {
    if (checked) this.on.add(value);
    else this.on.delete(value);
    this.tell();
  }

  tell() {
    this.changed(this.markets.filter(({ series_id: id }) => this.on.has(id)));
  }

  draw() {
    const focused = this.list.querySelector(":focus")?.value;
    this.list.replaceChildren(...this.markets.map((market) => this.entry(market)));
    if (focused) this.list.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
  }

  entry({ series_id: id, market, reference, last_date: on, place }) {
    const { texts } = this;
    const box = element("input", { type: "checkbox", value: id, checked: this.on.has(id) });
    const told = element("span", { class: "fine" });
    put(told, say(texts.words.marketLast, { price: dollars(reference), day: texts.shortDay(on) }));
    return element("li", {}, element("label", { class: "choice" }, box, swatch(["market"], place), element("span", {}, `${market} `, told)));
  }
}
