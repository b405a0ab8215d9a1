// A problem as staff read it: what it is, what to do, and below it the service's own words.

import { element } from "./element.js";
import { explain } from "./problem-rules.js";
import { visibleText } from "./visible-text.js";

/** Return the parts of a note on `reason`, to be put into an element. */
export function problemNote(reason, { rules, words }) {
  const known = explain(reason, rules);
  const original = element("span", { class: "original", lang: "en", translate: "no" }, visibleText(reason));
  return [
    element("strong", {}, known?.text ?? words.problemUnknown),
    " ",
    known?.advice ?? words.problemUnknownAdvice,
    element("br"),
    original,
  ];
}
