// Prices, days and what is said of a series, in the reader's language. Prices are decimal texts; nothing is computed from
// them but what is shown as rounded.

import { packWriter } from "./packs.js";
import { say } from "./words.js";

const MARKET_WEEK_DAYS = 5;
const DAY_MS = 86_400_000;
const SHORT = { month: "short", day: "numeric" };
const YEAR = { year: "numeric" };
const NARROW_SPACE = /\u202f/g; // old phones draw it as a box
const NOT_SAID = new Set(["", "n/a", "na", "none"]);
const DOLLARS = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD", maximumFractionDigits: 4 });

/** "$18.00", in both languages, as the server writes it; with more than cents only where there is more. */
export function dollars(price) {
  return DOLLARS.format(Number(price));
}

/** What the last quote is compared with: the newest one at least five days older. */
export function weekBefore(points) {
  const last = points.at(-1);
  const limit = last && Date.parse(last.date) - MARKET_WEEK_DAYS * DAY_MS;
  return points.findLast(({ date }) => Date.parse(date) <= limit) ?? null;
}

export function changePct(now, before) {
  return before && Number(before) ? Math.round((Number(now) / Number(before) - 1) * 1_000) / 10 : null;
}

export class PriceTexts {
  constructor(words, locale, glossary, today) {
    Object.assign(this, { words, locale, pack: packWriter(glossary), year: today.slice(0, 4) });
    const days = { short: SHORT, day: { weekday: "short", ...SHORT }, shortYear: { ...SHORT, ...YEAR }, dayYear: { weekday: "short", ...SHORT, ...YEAR }, month: { month: "short", ...YEAR } };
    this.days = Object.fromEntries(
      Object.entries(days).map(([name, options]) => [name, new Intl.DateTimeFormat(`${locale}-US`, { ...options, timeZone: "UTC" })]),
    );
    this.figures = new Intl.NumberFormat(`${locale}-US`, { maximumFractionDigits: 1 });
  }

  /** "Thu, Jan 8"; with the year when it is not this one's. */
  day(iso) {
    return this.write(iso.startsWith(this.year) ? "day" : "dayYear", iso);
  }

  shortDay(iso) {
    return this.write(iso.startsWith(this.year) ? "short" : "shortYear", iso);
  }

  /** A day on an axis that is full of them. */
  tick(iso) {
    return this.write("short", iso);
  }

  month(iso) {
    return this.write("month", iso);
  }

  write(name, iso) {
    return this.days[name].format(new Date(iso)).replace(NARROW_SPACE, "\u00a0");
  }

  share(pct) {
    return `${this.figures.format(Math.abs(pct))}\u00a0%`;
  }

  signedShare(pct) {
    return `${pct < 0 ? "\u2212" : pct > 0 ? "+" : ""}${this.share(pct)}`;
  }

  range(low, high) {
    return Number(low) === Number(high) ? dollars(low) : say(this.words.range, { low: dollars(low), high: dollars(high) });
  }

  commodity({ commodity, name, name_es: spanish }) {
    return (this.locale === "es" && spanish) || commodity || name;
  }

  /** What sets a series apart within its commodity, as far as the report says. */
  kind({ variety, package: pack, size, organic }) {
    const parts = [variety, this.pack(pack), this.pack(size)].filter((text) => !NOT_SAID.has((text ?? "").toLowerCase()));
    return [...parts, ...(organic ? [this.words.organic] : [])].join(", ");
  }

  name(series) {
    return [this.commodity(series), this.kind(series)].filter(Boolean).join(", ");
  }

  per({ unit }) {
    const { words } = this;
    const known = { package: words.perPackage, lb: words.perPound, kg: words.perKilo, each: words.perPiece };
    return known[unit || "package"] ?? say(words.perUnit, { unit });
  }

  /** How it moved in a week: a way, an arrow and words; null without an older quote. */
  move(pct) {
    if (pct === null || pct === undefined) return null;
    const share = this.share(pct);
    if (Number(pct) > 0) return { way: "up", arrow: "▲", text: say(this.words.up, { share }) };
    if (Number(pct) < 0) return { way: "down", arrow: "▼", text: say(this.words.down, { share }) };
    return { way: "level", arrow: "=", text: this.words.level };
  }

  /** The chart in sentences, for whoever does not see it. */
  summary(series) {
    const { words } = this;
    const last = series.points.at(-1);
    if (!last) return say(words.summaryNone, { name: this.name(series) });
    const said = [say(words.summaryNow, { name: this.name(series), market: series.market, price: this.range(last.low, last.high), per: this.per(series), day: this.day(last.date) })];
    const before = weekBefore(series.points);
    const move = before && this.move(changePct(last.reference, before.reference));
    if (move) said.push(say(words.summaryWeek, { price: this.range(before.low, before.high), day: this.day(before.date), move: move.text }));
    const expected = series.forecast?.points.at(-1);
    if (expected) said.push(say(words.summaryExpected, { low: dollars(expected.low), high: dollars(expected.high), day: this.day(expected.date) }));
    return said.join(" ");
  }

  /** What one looks for first: the last quote, the one of a week before, what is expected. */
  keyFigures(series) {
    const { words } = this;
    const [last, unit] = [series.points.at(-1), this.per(series)];
    const middle = last.low === last.high ? "" : say(words.middle, { price: dollars(last.reference) });
    const told = [{ title: say(words.figureLast, { day: this.day(last.date) }), value: this.range(last.low, last.high), unit, note: middle }];
    const before = weekBefore(series.points);
    const move = before && this.move(changePct(last.reference, before.reference));
    if (move) told.push({ title: say(words.figureBefore, { day: this.day(before.date) }), value: this.range(before.low, before.high), unit, note: `${move.arrow} ${move.text}` });
    const expected = series.forecast?.points.at(-1);
    if (expected) told.push({ title: say(words.figureExpected, { day: this.day(expected.date) }), value: this.range(expected.low, expected.high), unit, note: words.figureEstimate });
    return told;
  }

  /** How old the last quote is. */
  old(date, marketDays) {
    return say(this.words.old, { num: marketDays, day: this.day(date) });
  }

  /** What a package weighs and what that makes a pound, with who says so: the report itself, or the handbook. */
  weight(series) {
    const { words } = this;
    const source = series.weight_source ?? "";
    const plain = { stated: words.weightStated, "H-697": words.weightHandbook };
    const how = source.endsWith("range") ? words.weightRange : source.endsWith("approximately") ? words.weightAbout : plain[source];
    const last = series.points.at(-1);
    if (!how || !last || !Number(series.weight_lb) || (series.unit || "package") !== "package") return "";
    const pound = dollars((Number(last.reference) / Number(series.weight_lb)).toFixed(2));
    return say(how, { weight: this.figures.format(series.weight_lb), price: pound });
  }
}
