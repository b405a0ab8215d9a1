// Another category, another page, a search: the server draws the shelves with everything typed, and they are put in
// place of those shown. What is typed meanwhile wins, and the focus stays where it was.

import { say } from "./words.js";

const ADDRESS = "/order/shelves";
const TYPING_PAUSE_MS = 250;
const MOST_ROUNDS = 3;
const SEND_AS_FORM = [401, 403];
const TURNING = ["category", "page", "find"];

export class Shelves {
  /** `page.replaced()` is called when rows came and went; `page.pending` are quantities of offers not on the page. */
  constructor(page) {
    this.page = page;
    this.form = page.form;
    this.search = page.form.querySelector("#search");
    this.status = page.form.querySelector("[data-found]");
    this.trouble = page.form.querySelector("[data-not-loaded]");
    this.asked = 0;
    this.timer = null;
    this.at = addressNow();
    addEventListener("popstate", () => this.goBack());
  }

  get shown() {
    return document.getElementById("shelves");
  }

  /** Take over a submit that only turns to other shelves; false when it is not one. */
  take(event) {
    const button = event.submitter;
    if (!button?.getAttribute("formaction")?.startsWith("/order/view")) return false;
    if (this.native) return true;
    if (button.name === "remove") this.remove(button.value);
    else if (TURNING.includes(button.name)) this.turn({ [button.name]: button.value }, { button, history: "push" });
    else return true; // an older order is filled in by the server, which says beside it what could not be
    event.preventDefault();
    return true;
  }

  /** Search while one types; the address follows, so that it can be kept. */
  searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.turn({ find: "1" }, { history: "replace" }), TYPING_PAUSE_MS);
  }

  remove(id) {
    const row = this.page.rows.get(id);
    if (!row) return;
    const next = row.element.nextElementSibling ?? row.element.previousElementSibling;
    row.input.value = "";
    row.element.remove();
    this.page.rows.delete(id);
    (next?.querySelector("input:not([type=hidden])") ?? this.search).focus();
    this.page.changed();
  }

  async turn(asked, { button = null, history = "none" } = {}) {
    clearTimeout(this.timer);
    this.asked += 1;
    const turn = this.asked;
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const fresh = await this.fetch(asked, button);
      if (!fresh || turn !== this.asked) return;
      if (this.holdsAll(fresh) || round === MOST_ROUNDS - 1) return this.put(fresh, button, history);
    }
  }

  async fetch(asked, button) {
    const body = new URLSearchParams(new FormData(this.form));
    for (const [name, value] of Object.entries(asked)) body.set(name, value);
    try {
      const answer = await fetch(ADDRESS, { method: "POST", body, headers: { Accept: "text/html" } });
      if (SEND_AS_FORM.includes(answer.status)) return this.goNative(button);
      if (!answer.ok) throw new Error(`shelves: ${answer.status}`);
      this.trouble.hidden = true;
      return new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("shelves");
    } catch {
      this.trouble.hidden = false;
      this.page.announcer.add([this.page.words.notLoaded], true);
      return null;
    }
  }

  /** The session is over or another one: sent as a form, what is typed waits behind the sign-in or comes back. */
  goNative(button) {
    this.native = true;
    this.form.requestSubmit(button ?? this.form.querySelector("[name=find]"));
    return null;
  }

  /** Tell whether everything typed by now has a place on the fresh shelves; if not, they are asked for once more. */
  holdsAll(fresh) {
    return [...this.page.rows.values()].every(
      (row) => !this.shown.contains(row.element) || !row.input?.value.trim() || fresh.querySelector(`#quantity-${row.id}`),
    );
  }

  put(fresh, button, history) {
    const shown = this.shown;
    const focused = shown.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && { id: focused.id, from: focused.selectionStart, to: focused.selectionEnd };
    for (const row of this.page.rows.values()) {
      const box = shown.contains(row.element) && fresh.querySelector(`#quantity-${row.id}`);
      // What has closed holds what is on order, and nobody could take out of it what else stood there.
      if (box && !box.readOnly && row.input) box.value = row.input.value;
    }
    this.fold(shown, fresh);
    shown.replaceWith(fresh);
    this.page.replaced();
    this.mark(fresh);
    this.keepAddress(fresh.dataset.address, history);
    if (place) this.focusAgain(fresh, place);
    else if (button) this.comeInto(fresh);
  }

  keepAddress(address, history) {
    if (history === "push" && address !== this.at) window.history.pushState(null, "", address);
    if (history === "replace") window.history.replaceState(null, "", address);
    this.at = addressNow();
  }

  /** What is mine lies open where one comes in, and is folded away while one looks elsewhere. */
  fold(shown, fresh) {
    const mine = document.getElementById("mine");
    if (mine && "front" in shown.dataset !== "front" in fresh.dataset) mine.open = "front" in fresh.dataset;
    this.form.querySelector("[data-again].pointless")?.setAttribute("hidden", "");
    const kept = [shown, fresh].map((shelves) => shelves.querySelector("#kept"));
    if (kept[0]?.open && kept[1]) kept[1].open = true;
  }

  mark(fresh) {
    for (const aisle of this.form.querySelectorAll("[data-aisles] button")) {
      const isHere = aisle.value === fresh.dataset.category && (aisle.value || !fresh.querySelector("[name=view_q]").value);
      if (isHere) aisle.setAttribute("aria-current", "true");
      else aisle.removeAttribute("aria-current");
    }
    if (document.activeElement !== this.search) this.search.value = fresh.querySelector("[name=view_q]").value;
    this.status.textContent = say(this.page.words.found, { num: Number(fresh.dataset.count) });
  }

  focusAgain(fresh, { id, from, to }) {
    const again = id && fresh.querySelector(`#${CSS.escape(id)}`);
    if (!again) return this.comeInto(fresh);
    again.focus({ preventScroll: true });
    if (from !== null && from !== undefined) again.setSelectionRange?.(from, to);
  }

  /** Begin at the top of the new shelves, unless their beginning is in sight already. */
  comeInto(fresh) {
    if (!fresh.contains(document.activeElement) && document.activeElement === document.body) {
      fresh.querySelector("[data-looking], h2[tabindex]")?.focus({ preventScroll: true });
    }
    const bar = this.form.querySelector("[data-search]").getBoundingClientRect();
    if (fresh.getBoundingClientRect().top < bar.bottom) fresh.scrollIntoView();
  }

  goBack() {
    if (this.at === addressNow()) return; // only the place on the page changed
    const wanted = new URLSearchParams(location.search);
    this.search.value = wanted.get("q") ?? "";
    this.turn({
      view_category: wanted.get("category") ?? "",
      view_q: wanted.get("q") ?? "",
      view_page: wanted.get("page") ?? "1",
    });
  }
}

function addressNow() {
  return location.pathname + location.search;
}
