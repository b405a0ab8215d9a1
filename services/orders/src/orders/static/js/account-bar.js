// The account of rows as a stacked bar with its numbers: every row that was read is in exactly one part.

import { element, icon } from "./element.js";
import { sayCount } from "./words.js";

const PARTS = ["new", "changed", "unchanged", "exact_doubles", "quarantined"];

/** Say whether the parts add up to the rows that were read. */
export function addsUp(account) {
  return PARTS.reduce((sum, part) => sum + account[part], 0) === account.rows_read;
}

/** Draw the account; null when no row was read. */
export function accountBar(account, { words, when }) {
  if (!account.rows_read) return null;
  const names = {
    new: words.rowsNew,
    changed: words.rowsChanged,
    unchanged: words.rowsUnchanged,
    exact_doubles: words.rowsDoubles,
    quarantined: words.rowsQuarantined,
  };
  const some = PARTS.filter((part) => account[part] > 0);
  const total = sayCount(words.rows, account.rows_read, when.number(account.rows_read));
  return element(
    "div",
    { class: "account" },
    bar(account, some),
    element("p", { class: "sum" }, total),
    element("dl", {}, ...some.map((part) => entry(part, names[part], when.number(account[part])))),
    !addsUp(account) && element("p", { class: "lost" }, icon("alert"), " ", words.doesNotAddUp),
  );
}

function bar(account, some) {
  const drawn = element("div", { class: "bar", "aria-hidden": "true" });
  for (const part of some) {
    const piece = element("span", { class: `part ${part}` });
    piece.style.flexGrow = String(account[part]);
    drawn.append(piece);
  }
  return drawn;
}

function entry(part, name, count) {
  const swatch = element("span", { class: `part ${part}`, "aria-hidden": "true" });
  return element("div", {}, element("dt", {}, swatch, name), element("dd", { class: "num" }, count));
}
