// One row of the order form: what is typed, what is left, what it costs; all of it also there without this script.

import { money, say } from "./words.js";

const MOST = 10_000;
const GLOW_MS = 1_500;

export class OfferRow {
  constructor(element, words) {
    this.element = element;
    this.words = words;
    this.id = element.dataset.offer;
    this.input = element.querySelector(`#quantity-${this.id}`);
    this.name = element.querySelector("[data-name]").textContent;
  }

  /** What a search looks at; most pages never ask. */
  get searchText() {
    const pack = this.element.querySelector(".pack").textContent;
    this.searched ??= plain(`${this.name} ${this.element.dataset.otherName ?? ""} ${pack}`);
    return this.searched;
  }

  get version() {
    return Number(this.element.dataset.version);
  }

  /** What one costs in this order: a line that does not grow keeps the price it was ordered at. */
  get charged() {
    const { agreed, ordered } = this.element.dataset;
    return agreed !== undefined && this.quantity <= Number(ordered) ? Number(agreed) : this.price;
  }

  get price() {
    return Number(this.element.dataset.price);
  }

  get remaining() {
    const text = this.element.dataset.remaining ?? "";
    return text === "" ? null : Number(text);
  }

  /** What the store's order holds of it. */
  get ordered() {
    return Number(this.element.dataset.ordered ?? 0);
  }

  /** What this store can have: what is left and what its order holds already. */
  get reachable() {
    return this.remaining === null ? Infinity : this.remaining + this.ordered;
  }

  get quantity() {
    const text = this.input?.value.trim() ?? "";
    return /^\d{1,5}$/.test(text) ? Number(text) : 0;
  }

  get matters() {
    return this.quantity > 0 || this.ordered > 0;
  }

  step(by) {
    if (!this.input || this.input.readOnly) return;
    const next = Math.min(MOST, Math.max(0, this.quantity + by));
    this.input.value = next ? String(next) : "";
  }

  /** Mark what was typed: chosen or not, and a word when it is more than there is. The server has the last word. */
  check() {
    if (!this.input) return;
    this.input.parentElement.classList.toggle("chosen", this.quantity > 0);
    this.warn(this.complaint());
  }

  /** Whether the box says something else than the store's order holds. */
  get isUnsaved() {
    const typed = this.input?.value.trim() ?? "";
    return typed !== (this.ordered ? String(this.ordered) : "") && !(typed === "0" && !this.ordered);
  }

  complaint() {
    if (this.element.dataset.closed !== undefined && this.isUnsaved) return this.words.closedUnsaved;
    const most = Number(this.element.dataset.most) || Infinity;
    if (this.quantity > this.reachable) {
      return this.reachable ? say(this.words.onlyLeft, { num: this.reachable }) : this.words.noneLeft;
    }
    return this.quantity > most ? say(this.words.atMost, { num: most }) : "";
  }

  warn(text) {
    const place = this.element.querySelector("[data-says]");
    if (place.textContent !== text) place.textContent = text;
    this.mark(text !== "");
  }

  mark(isWrong) {
    this.element.classList.toggle("short", isWrong);
    if (isWrong) this.input?.setAttribute("aria-invalid", "true");
    else this.input?.removeAttribute("aria-invalid");
  }

  /**
   * Take news of this offer unless something newer is shown. Returns the sentences to announce, or null for old news.
   * Nothing grows: a row that pushes the others away under a thumb is worse than a word that comes with the next key.
   */
  apply({ remaining, available, unit_price_cents: price, ordered, case_size: caseSize }, version) {
    if (!(version > this.version)) return null;
    const sentences = [];
    this.element.dataset.version = version;
    if (remaining !== this.remaining) sentences.push(this.restock(remaining, available));
    if (price !== undefined && price !== this.price) sentences.push(this.reprice(price));
    this.refill(ordered ?? (available == null || remaining == null ? undefined : available - remaining), caseSize);
    if (sentences.length) {
      this.mark(this.complaint() !== "");
      this.glow();
    }
    return sentences;
  }

  restock(remaining, available) {
    this.element.dataset.remaining = remaining ?? "";
    if (available != null) this.element.dataset.available = available;
    const text = this.element.querySelector("[data-stock]");
    const bar = this.element.querySelector("[data-stock-bar]");
    text.textContent = this.left(remaining);
    text.classList.toggle("lost", remaining === 0);
    if (bar) {
      if (available) bar.max = available;
      bar.value = remaining ?? bar.max;
    }
    this.element.classList.toggle("gone", remaining === 0 && !this.matters);
    if (remaining === 0) return say(this.words.nowSoldOut, { name: this.name });
    return remaining === null ? "" : say(this.words.nowLeft, { name: this.name, num: remaining });
  }

  left(remaining) {
    if (remaining === null) return this.words.plenty;
    return remaining === 0 ? this.words.soldOut : say(this.words.left, { num: remaining });
  }

  /** Say how far the market's next case is from full, where offers are bought by the case. */
  refill(taken, caseSize) {
    if (taken !== undefined) this.element.dataset.taken = taken;
    if (caseSize != null) this.element.dataset.case = caseSize;
    const place = this.element.querySelector("[data-case-fill]");
    if (place) place.textContent = caseFill(Number(this.element.dataset.taken ?? 0), Number(this.element.dataset.case), this.words);
  }

  reprice(price) {
    this.element.dataset.price = price;
    this.element.querySelector("[data-price-text]").textContent = money(price);
    this.element.querySelector(`[name="price-${this.id}"]`).value = price;
    return say(this.words.nowPrice, { name: this.name, price: money(price) });
  }

  /**
   * Its own cutoff, earlier than the day's, has passed by all that this page knows. What was typed stays, and can be taken
   * out: the cutoff may have been moved since, or a clock be wrong. The server takes it, or refuses the whole order once
   * and says so. Returns the sentence about what is not saved, if anything is.
   */
  close() {
    this.element.dataset.closed = "";
    const isUnsaved = this.isUnsaved;
    const place = this.element.querySelector("[data-closes]");
    if (place) place.textContent = this.words.closedOffer;
    this.element.classList.toggle("gone", !this.matters);
    if (isUnsaved) this.check();
    else this.lock();
    return isUnsaved ? `${this.name}: ${this.words.closedUnsaved}` : "";
  }

  lock() {
    if (this.input) this.input.readOnly = true;
    for (const button of this.element.querySelectorAll("[data-step]")) button.disabled = true;
  }

  glow() {
    this.element.classList.remove("news");
    void this.element.offsetWidth; // begin the animation anew
    this.element.classList.add("news");
    setTimeout(() => this.element.classList.remove("news"), GLOW_MS);
  }
}

/** What is missing for the next full case of what all stores together have taken. */
export function caseFill(taken, size, words) {
  if (!taken) return say(words.caseOf, { num: size });
  const missing = (size - (taken % size)) % size;
  return missing ? say(words.caseMissing, { num: missing }) : words.caseFull;
}

/** Letters without accents and case, so that "platano" finds "Plátano". */
export function plain(text) {
  return text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();
}
