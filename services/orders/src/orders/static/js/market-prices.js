// The search of market prices: commodities as one types, then the series of one, narrowed by picks. The address follows.

import { showConnection } from "./connection.js";
import { element } from "./element.js";
import { PriceSource, noticesOf } from "./price-source.js";
import { PriceTexts } from "./price-texts.js";
import { put } from "./quiet-text.js";
import { goLive } from "./realtime.js";
import { SeriesList } from "./series-list.js";
import { PARTS, fits, optionsOf, readAddress, writeAddress } from "./series-picks.js";
import { readWords, say } from "./words.js";

const TYPING_MS = 150;
const NEWS_WITHIN_MS = 2_000;
const MOST_COMMODITIES = 300;
const MOST_SERIES = 1_000;

const place = document.querySelector("[data-market]");


class MarketSearch {
  constructor(place) {
    const find = (name) => place.querySelector(`[data-${name}]`);
    const texts = new PriceTexts(readWords(place), document.documentElement.lang, JSON.parse(place.dataset.glossary), place.dataset.today);
    Object.assign(this, { place, texts, words: texts.words, facts: place.dataset });
    Object.assign(this, { form: find("search"), found: find("found"), commodities: find("commodities"), nothing: find("nothing"), allNames: find("names"), chosen: find("chosen"), offered: find("offered") });
    this.box = this.form.elements.q;
    this.pickers = Object.fromEntries(PARTS.map((part) => [part, find(`pick-${part}`)]));
    this.list = new SeriesList(find("list"), find("more"), texts, this.facts);
    this.names = new PriceSource(noticesOf(find("names-notices")));
    this.series = new PriceSource(noticesOf(find("series-notices")));
  }

  start() {
    for (const row of this.offered?.querySelectorAll("li[hidden]") ?? []) row.hidden = false; // the search here is the script's
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.toFirst();
    });
    this.box.addEventListener("input", () => this.typed());
    this.commodities.addEventListener("click", (event) => this.follow(event));
    this.chosen.addEventListener("change", () => this.picked());
    this.place.addEventListener("click", ({ target }) => target.closest("[data-again]") && [this.names, this.series].forEach((source) => source.wake()));
    this.place.querySelector("[data-other]").addEventListener("click", (event) => this.follow(event));
    addEventListener("popstate", () => this.restore());
    this.restore();
    this.listen();
  }

  restore() {
    this.state = readAddress(location.search);
    this.box.value = this.state.q;
    this.showPart();
    if (this.state.commodity) this.loadSeries();
    else this.loadNames();
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.find(), TYPING_MS);
  }

  find() {
    clearTimeout(this.typing);
    this.go({ q: this.box.value.trim(), commodity: "", picks: {} }, "replaceState");
    return this.loadNames();
  }

  /** Enter leads to the first of what was found for what stands there, not for what stood there before. */
  async toFirst() {
    await this.find();
    this.commodities.querySelector("a")?.focus();
  }

  go(state, how = "pushState") {
    this.state = state;
    history[how](null, "", writeAddress(state));
    this.showPart();
  }

  /** Links work without this page's help too: opened in a new tab they lead to the same. */
  follow(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    this.restore();
    if (this.state.commodity) this.chosen.querySelector("h2").focus();
    else this.box.focus();
  }

  showPart() {
    const isChosen = Boolean(this.state.commodity);
    this.chosen.hidden = !isChosen;
    this.allNames.hidden = true;
    this.nothing.hidden = true;
    if (this.offered) this.offered.hidden = isChosen || Boolean(this.state.q);
    if (isChosen) put(this.chosen.querySelector("[data-commodity]"), this.state.commodity);
  }

  async loadNames() {
    const { q } = this.state;
    const answer = await this.names.ask(`/commodities?${new URLSearchParams({ ...(q ? { q } : {}), limit: MOST_COMMODITIES })}`);
    if (!answer || this.state.commodity) return;
    const items = answer.status < 400 ? answer.body.items : [];
    const named = items.map((item) => ({ ...item, shown: this.texts.commodity(item) })).sort((a, b) => a.shown.localeCompare(b.shown, this.texts.locale));
    this.commodities.replaceChildren(...named.map((item) => this.commodityLink(item)));
    this.nothing.hidden = items.length > 0;
    this.allNames.hidden = items.length === 0;
    this.allNames.querySelector("h2").hidden = Boolean(q);
    put(this.nothing.querySelector("[data-nothing-text]"), q ? say(this.words.nothingFound, { text: q }) : this.words.nothingYet);
    put(this.found, q ? say(this.words.commoditiesFound, { num: items.length }) : "");
  }

  commodityLink({ name, shown, series }) {
    const count = element("span", { class: "fine" }, say(this.words.seriesCount, { num: series }));
    return element("li", {}, element("a", { href: writeAddress({ q: this.state.q, commodity: name, picks: {} }) }, element("span", {}, shown), count));
  }

  async loadSeries() {
    const { commodity, picks } = this.state;
    const narrowed = this.isCut ? picks : {};
    const answer = await this.series.ask(`/series?${new URLSearchParams({ commodity, ...narrowed, limit: MOST_SERIES })}`);
    if (!answer || this.state.commodity !== commodity) return;
    const items = answer.status < 400 ? answer.body.items : [];
    // More than fit in one answer: then the service narrows by the picks, else this page does.
    this.isCut = this.isCut || Boolean(answer.body.next);
    this.place.querySelector("[data-cut]").hidden = !answer.body.next;
    this.items = items;
    this.showSeries();
  }

  picked() {
    const picks = {};
    for (const part of PARTS) if (this.pickers[part].value !== "*") picks[part] = this.pickers[part].value;
    this.go({ ...this.state, picks }, "replaceState");
    if (this.isCut) this.loadSeries();
    else this.showSeries();
  }

  showSeries() {
    const { commodity, picks } = this.state;
    const shown = this.items.filter((series) => fits(series, picks));
    if (this.items.length) put(this.chosen.querySelector("[data-commodity]"), this.texts.commodity(this.items[0]));
    this.offerPicks(optionsOf(this.items, picks), picks);
    this.list.show(shown);
    put(this.found, say(this.words.seriesFound, { num: shown.length }));
    const none = this.chosen.querySelector("[data-no-series]");
    none.hidden = shown.length > 0;
    put(none, this.items.length ? this.words.noneFits : say(this.words.noneOf, { name: commodity }));
    this.chosen.querySelector("[data-csv]").href = `/api/v1/prices.csv?${new URLSearchParams({ commodity })}`;
  }

  offerPicks(options, picks) {
    for (const part of PARTS) {
      const all = element("option", { value: "*" }, this.words.any);
      const values = options[part].map(({ value }) => element("option", { value, selected: picks[part] === value }, this.optionText(part, value)));
      this.pickers[part].replaceChildren(all, ...values);
      this.pickers[part].closest(".field").hidden = values.length < 2 && picks[part] === undefined;
    }
  }

  optionText(part, value) {
    if (part === "organic") return value === "true" ? this.words.organicOnly : this.words.conventional;
    return (["package", "size"].includes(part) ? this.texts.pack(value) : value) || this.words.notSaid;
  }

  /** A quote of a series that is listed: the list is asked for anew, not at once by everybody. */
  listen() {
    let soon = null;
    const refresh = () => {
      if (!this.state.commodity) return;
      soon ??= setTimeout(() => {
        soon = null;
        this.loadSeries();
      }, Math.random() * NEWS_WITHIN_MS);
    };
    goLive([{ c: "prices", since: Number(this.facts.since) }], {
      message: ({ c: channel, d: data }) => channel === "prices" && this.items?.some(({ series_id: id }) => id === data.series_id) && refresh(),
      reset: refresh,
      state: (state) => showConnection(this.place, state),
    });
  }
}

if (place) new MarketSearch(place).start();
