// One file as a link served it: where it is from, what became of it, the account of its rows.

import { accountBar } from "./account-bar.js";
import { element, icon } from "./element.js";
import { problemNote } from "./problem-note.js";
import { quarantinedRows } from "./quarantined-rows.js";
import { visibleText } from "./visible-text.js";
import { say } from "./words.js";

// States as the service names them.
const REFUSED = "refused";
const NOT_FETCHED = `not fetched`;
const WITHOUT_PRICES = `not a price report`;

/** Draw the row; `tools` are `{ask, words, rules, when}`. */
export function reportFile(report, tools) {
  const { words, rules, when } = tools;
  const isBad = [REFUSED, NOT_FETCHED].includes(report.state);
  return element(
    "li",
    { class: `card file${report.current ? "" : " replaced"}`, "data-key": report.file_id },
    element("div", { class: "head" }, element("h3", { translate: "no" }, linkTo(report)), stateOf(report, words)),
    element("p", { class: "about" }, about(report, words, when)),
    isBad && element("p", { class: "why" }, ...problemNote(report.reason ?? "", { rules, words }), lineOf(report, words, when)),
    accountBar(report, tools),
    report.quarantined > 0 && quarantinedRows(report, tools),
  );
}

/** The file where it came from; an address that is no web address is not made a link. */
function linkTo({ url, file }) {
  if (!/^https?:\/\//.test(url)) return visibleText(file);
  return element("a", { href: url, rel: "noreferrer" }, visibleText(file));
}

function stateOf(report, words) {
  const known = {
    stored: report.quarantined ? ["wait", "alert", words.fileStoredPartly] : ["good", "check", words.fileStored],
    [REFUSED]: ["bad", "cross", words.fileRefused],
    [NOT_FETCHED]: ["bad", "cross", words.fileNotFetched],
    [WITHOUT_PRICES]: ["", "list", words.fileWithoutPrices],
  };
  const [look, drawing, text] = known[report.state] ?? ["", "list", report.state];
  return element("span", { class: `state ${look}` }, icon(drawing), text);
}

function about(report, words, when) {
  const parts = [
    report.report_id && say(words.report, { id: report.report_id }),
    report.market,
    report.last_date && daysOf(report, words, when),
    say(words.readAt, { moment: when.moment(report.stored_at) }),
    !report.current && words.replaced,
  ];
  return parts.filter(Boolean).join(" · ");
}

function daysOf({ first_date: first, last_date: last }, words, when) {
  return first === last ? when.day(last) : say(words.days, { first: when.day(first), last: when.day(last) });
}

function lineOf(report, words, when) {
  return report.line ? ` (${say(words.line, { num: when.number(report.line) })})` : null;
}
