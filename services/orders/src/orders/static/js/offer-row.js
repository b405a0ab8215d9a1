// One row of the order form: what is typed, what is left, what it costs; all of it also there without this script.

import { money, say } from "./words.js";

const MOST = 10_000;
const GLOW_MS = 1_500;

export class OfferRow {
  constructor(element, words) {
    this.element = element;
    this.words = words;
    this.id = element.dataset.offer;
    this.input = element.querySelector("input:not([type=hidden])");
    this.name = element.querySelector("[data-name]").textContent;
    this.searchText = plain(`${this.name} ${element.dataset.otherName} ${element.querySelector(".pack").textContent}`);
    for (const button of element.querySelectorAll("[data-step]")) button.hidden = false;
  }

  get version() {
    return Number(this.element.dataset.version);
  }

  get price() {
    return Number(this.element.dataset.price);
  }

  get remaining() {
    const text = this.element.dataset.remaining;
    return text === "" ? null : Number(text);
  }

  /** What this store can have: what is left and what its order holds already. */
  get reachable() {
    return this.remaining === null ? Infinity : this.remaining + Number(this.element.dataset.ordered);
  }

  get quantity() {
    const text = this.input?.value.trim() ?? "";
    return /^\d{1,5}$/.test(text) ? Number(text) : 0;
  }

  get matters() {
    return this.quantity > 0 || Number(this.element.dataset.ordered) > 0;
  }

  step(by) {
    const next = Math.min(MOST, Math.max(0, this.quantity + by));
    this.input.value = next ? String(next) : "";
  }

  /** Mark what was typed: chosen or not, and a word when it is more than there is. The server has the last word. */
  check() {
    if (!this.input) return;
    this.input.closest(".stepper").classList.toggle("chosen", this.quantity > 0);
    const most = Number(this.element.dataset.most) || Infinity;
    if (this.quantity > this.reachable) {
      this.warn(this.reachable ? say(this.words.onlyLeft, { num: this.reachable }) : this.words.noneLeft);
    }
    else if (this.quantity > most) this.warn(say(this.words.atMost, { num: most }));
    else this.warn("");
  }

  warn(text) {
    const place = this.element.querySelector("[data-says]");
    if (place.textContent !== text) place.textContent = text;
    this.element.classList.toggle("short", text !== "");
    if (text) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
  }

  /** Take news of this offer unless something newer is shown. Returns the sentences to announce, or null for old news. */
  apply({ remaining, available, unit_price_cents: price }, version) {
    if (!(version > this.version)) return null;
    const sentences = [];
    this.element.dataset.version = version;
    if (remaining !== this.remaining) sentences.push(this.restock(remaining, available));
    if (price !== undefined && price !== this.price) sentences.push(this.reprice(price));
    if (sentences.length) {
      this.check();
      this.glow();
    }
    return sentences;
  }

  restock(remaining, available) {
    this.element.dataset.remaining = remaining ?? "";
    const text = this.element.querySelector("[data-stock]");
    const bar = this.element.querySelector("[data-stock-bar]");
    if (text) {
      text.textContent = remaining === 0 ? this.words.soldOut : say(this.words.left, { num: remaining });
      text.classList.toggle("lost", remaining === 0);
    }
    if (bar) {
      if (available) bar.max = available;
      bar.value = remaining ?? bar.max;
    }
    this.element.classList.toggle("gone", remaining === 0 && !this.matters);
    if (remaining === 0) return say(this.words.nowSoldOut, { name: this.name });
    return say(this.words.nowLeft, { name: this.name, num: remaining });
  }

  reprice(price) {
    this.element.dataset.price = price;
    this.element.querySelector("[data-price-text]").textContent = money(price);
    this.element.querySelector(`[name="price-${this.id}"]`).value = price;
    return say(this.words.nowPrice, { name: this.name, price: money(price) });
  }

  glow() {
    this.element.classList.remove("news");
    void this.element.offsetWidth; // begin the animation anew
    this.element.classList.add("news");
    setTimeout(() => this.element.classList.remove("news"), GLOW_MS);
  }
}

/** Letters without accents and case, so that "platano" finds "Plátano". */
export function plain(text) {
  return text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();
}
