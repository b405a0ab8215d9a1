// The list of price limits holds what is chosen: one field for each, none for the rest.

import { money, say } from "./words.js";

export class PriceLimits {
  constructor(form, words) {
    this.list = form.querySelector("[data-limits]");
    this.words = words;
    form.querySelector("[data-refresh]").hidden = true; // for those without a script
  }

  show(chosen) {
    const wanted = new Set(chosen.map((row) => row.id));
    for (const item of this.list.children) item.hidden = !wanted.has(item.dataset.limit);
    for (const row of chosen) this.label(this.find(row.id) ?? this.add(row), row);
  }

  find(id) {
    return this.list.querySelector(`[data-limit="${CSS.escape(id)}"]`);
  }

  add(row) {
    const name = `max-${row.id}`;
    const item = make("li");
    item.dataset.limit = row.id;
    const label = make("label", { htmlFor: name }, `${row.name} `, make("span", { className: "now" }));
    const input = make("input", { id: name, name, inputMode: "decimal", maxLength: 12, autocomplete: "off" });
    const sign = make("span", {}, "$");
    sign.setAttribute("aria-hidden", "true");
    item.append(label, make("span", { className: "dollars" }, sign, input));
    this.list.append(item);
    return item;
  }

  label(item, row) {
    const text = say(this.words.priceNow, { price: money(row.price) });
    const place = item.querySelector(".now");
    if (place.textContent !== text) place.textContent = text;
  }

  /** What was typed, by offer; and putting it back after a reload. */
  read() {
    const typed = [...this.list.querySelectorAll("input")].filter((input) => input.value.trim());
    return Object.fromEntries(typed.map((input) => [input.closest("[data-limit]").dataset.limit, input.value]));
  }

  fill(limits) {
    for (const [id, text] of Object.entries(limits ?? {})) {
      const input = this.find(id)?.querySelector("input");
      if (input) input.value = text;
    }
  }
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
