// A list that the service answers page by page, newest first: drawn anew only where it changed, so that what is open stays open.

const MAX_ITEMS = 500;

export class PagedList {
  /** `draw(item)` makes the row, `key(item)` names it, `shows(item)` says whether it has one; `more` is the button for older ones. */
  constructor({ path, place, more, empty, key, draw, ask, shows = () => true }) {
    Object.assign(this, { path, place, more, empty, key, draw, ask, shows });
    this.items = [];
    this.rows = new Map();
    this.next = null;
    this.hasOlder = false;
    more.addEventListener("click", () => this.older());
  }

  /** Fetch the newest page; throws what `ask` throws. */
  async refresh() {
    const { body } = await this.ask(this.path);
    const fresh = new Set(body.items.map(this.key));
    const overlaps = this.items.some((item) => fresh.has(this.key(item)));
    const kept = overlaps ? this.items.filter((item) => !fresh.has(this.key(item))) : [];
    if (!this.hasOlder || !overlaps) this.next = body.next;
    this.hasOlder &&= overlaps;
    this.show([...body.items, ...(this.hasOlder ? kept : [])]);
  }

  /** Fetch the next older page; on failure the button stays for another try. */
  async older() {
    if (this.isBusy || !this.next) return;
    this.isBusy = true;
    try {
      const { body } = await this.ask(this.next);
      const known = new Set(this.items.map(this.key));
      const added = body.items.filter((item) => !known.has(this.key(item)));
      this.next = body.next;
      this.hasOlder = true;
      this.show([...this.items, ...added]);
      if (added.length) this.rows.get(this.key(added[0]))?.row.querySelector("summary, a, button")?.focus();
    } catch {
      // Whoever pressed sees that nothing came; the page's notice says why.
    } finally {
      this.isBusy = false;
    }
  }

  show(items) {
    this.items = items.slice(0, MAX_ITEMS);
    const rows = new Map();
    for (const item of this.items.filter(this.shows)) {
      const text = JSON.stringify(item);
      const shown = this.rows.get(this.key(item));
      rows.set(this.key(item), shown?.text === text ? shown : { text, row: this.#anew(item, shown?.row) });
    }
    this.rows = rows;
    this.#place([...rows.values()].map(({ row }) => row));
    this.empty.hidden = rows.size > 0;
    this.more.hidden = !this.next || this.items.length >= MAX_ITEMS;
  }

  #anew(item, before) {
    const row = this.draw(item);
    const open = before ? [...before.querySelectorAll("details[open]")].map(({ dataset }) => dataset.part) : [];
    for (const part of row.querySelectorAll("details")) part.open ||= open.includes(part.dataset.part);
    return row;
  }

  /** Put the rows in order; those that stand right are not touched, since moving an element takes its focus away. */
  #place(rows) {
    const focused = this.place.contains(document.activeElement) ? document.activeElement : null;
    const address = focused && `[data-key="${focused.closest("[data-key]")?.dataset.key}"]`;
    const part = focused && `[data-part="${partOf(focused)}"]`;
    const wanted = new Set(rows);
    for (const row of [...this.place.children]) if (!wanted.has(row)) row.remove();
    rows.forEach((row, at) => {
      if (this.place.children[at] !== row) this.place.insertBefore(row, this.place.children[at] ?? null);
    });
    if (!focused) return;
    const again = focused.isConnected ? focused : this.place.querySelector(`${address} ${part} > summary, ${address} button${part}`);
    again?.focus({ preventScroll: true });
  }
}

function partOf(focused) {
  return focused.closest("[data-part]")?.dataset.part;
}
