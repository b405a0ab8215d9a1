// The rows of a file that could not be read: fetched when somebody opens them, a page at a time.

import { element } from "./element.js";
import { problemNote } from "./problem-note.js";
import { visibleText } from "./visible-text.js";
import { say, sayCount } from "./words.js";

const AT_ONCE = 25;

/** Return a `<details>` with the rows of the file; `ask` fetches. */
export function quarantinedRows(report, { ask, words, rules, when }) {
  const title = sayCount(words.quarantine, report.quarantined, when.number(report.quarantined));
  const list = element("ol", { class: "quarantine" });
  const said = element("p", { role: "status", class: "small" });
  const more = element("button", { type: "button", class: "plain", hidden: true }, words.quarantineMore);
  const part = element("details", { "data-part": "quarantine" }, element("summary", {}, title), list, said, more);
  let next = `/reports/${report.file_id}/quarantine?limit=${AT_ONCE}`;
  const load = async () => {
    more.hidden = true;
    said.textContent = "";
    try {
      const { body } = await ask(next);
      list.append(...body.items.map((row) => drawn(row, { words, rules, when })));
      next = body.next;
      more.hidden = !next;
      if (!next && list.children.length < report.quarantined) said.textContent = words.quarantineRest;
    } catch {
      said.textContent = words.notLoadedHere;
      more.hidden = false;
    }
  };
  more.addEventListener("click", load);
  part.addEventListener("toggle", () => part.open && !list.children.length && load());
  return part;
}

function drawn(row, { words, rules, when }) {
  const line = say(words.line, { num: when.number(row.line) });
  const raw = element("code", { class: "raw", translate: "no", tabindex: "0", "aria-label": words.rawRow }, visibleText(row.raw));
  return element("li", {}, element("span", { class: "about" }, line), element("p", {}, ...problemNote(row.reason, { words, rules })), raw);
}
