// The chart's numbers as a table: every day one row, sorted by the column that is pressed.

import { element } from "./element.js";
import { dollars } from "./price-texts.js";

/** Rows of a series, the newest first; estimates are marked as such. */
export function rowsOf(series, texts) {
  const { words } = texts;
  const told = series.points.map((point) => ({
    date: point.date,
    label: texts.day(point.date),
    figures: [point.low, point.mostly_low && point.mostly_high ? [point.mostly_low, point.mostly_high] : null, point.reference, point.high],
  }));
  const expected = (series.forecast?.points ?? []).map((point) => ({
    date: point.date,
    label: texts.day(point.date),
    note: words.estimate,
    figures: [point.low, null, point.value, point.high],
  }));
  return [...told, ...expected].reverse();
}

export function sorted(rows, column, isRising) {
  const of = (row) => (column === 0 ? row.date : Number([row.figures[column - 1]].flat().at(0) ?? NaN));
  const way = isRising ? 1 : -1;
  const missing = (value) => typeof value === "number" && Number.isNaN(value);
  return [...rows].sort((a, b) => {
    const [left, right] = [of(a), of(b)];
    if (missing(left) || missing(right)) return Number(missing(left)) - Number(missing(right));
    return left === right ? 0 : left < right ? -way : way;
  });
}

/** Fill a table and let its headings sort it. */
export class PriceTable {
  constructor(table, texts) {
    Object.assign(this, { table, texts, rows: [], column: 0, isRising: false });
    table.tHead.addEventListener("click", ({ target }) => {
      const cell = target.closest("th");
      if (target.closest("button") && cell) this.sortBy(cell.cellIndex);
    });
  }

  show(rows) {
    this.rows = rows;
    this.draw();
  }

  sortBy(column) {
    this.isRising = column === this.column ? !this.isRising : false;
    this.column = column;
    this.draw();
  }

  draw() {
    [...this.table.tHead.rows[0].cells].forEach((cell, at) => {
      if (at === this.column) cell.setAttribute("aria-sort", this.isRising ? "ascending" : "descending");
      else cell.removeAttribute("aria-sort");
    });
    this.table.tBodies[0].replaceChildren(...sorted(this.rows, this.column, this.isRising).map((row) => this.row(row)));
  }

  row({ label, note, figures }) {
    const cells = figures.map((figure) => element("td", { class: "num" }, figure === null || figure === undefined ? "" : Array.isArray(figure) ? this.texts.range(...figure) : dollars(figure)));
    const named = element("th", { scope: "row" }, label, note && element("br"), note && element("span", { class: "fine" }, note));
    return element("tr", { class: note ? "soft" : "" }, named, ...cells);
  }
}
