// What the reports say of a series that has no price of its own: their newest rows, as they are.

import { element } from "./element.js";
import { PricesAway, SignedOut, askPrices } from "./prices-api.js";
import { visibleText } from "./visible-text.js";

const SHOWN = 5;

/** Fill the list of `place`; it stays empty while no answer comes, and the words above it say enough. */
export async function showRows(place, { series_id: id }, texts, ask = askPrices) {
  try {
    const { status, body } = await ask(`?${new URLSearchParams({ series_id: id, limit: SHOWN })}`);
    if (status < 400) place.querySelector("[data-reported]").replaceChildren(...body.items.map((row) => entry(row, texts)));
  } catch (problem) {
    if (!(problem instanceof PricesAway || problem instanceof SignedOut)) throw problem;
  }
}

function entry(row, texts) {
  return element("li", {}, element("strong", {}, texts.day(row.date)), " ", rowText(row, texts));
}

/** The price if there is one, and what sets the row apart: from where, of what quality, the report's remark. */
export function rowText({ low, high, origin, quality, comment }, texts) {
  const price = low !== null && high !== null ? texts.range(low, high) : texts.words.noPrice;
  return [price, ...[origin, quality, comment].filter(Boolean).map(visibleText)].join(" · ");
}
