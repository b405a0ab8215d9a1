// One visit to the USDA that is over: when, how it ended, how long it took, what it brought, what went wrong.

import { accountBar } from "./account-bar.js";
import { element, icon } from "./element.js";
import { problemNote } from "./problem-note.js";
import { explain } from "./problem-rules.js";
import { visibleText } from "./visible-text.js";
import { say, sayCount } from "./words.js";

/** Draw the row; `tools` are `{words, rules, when}`. */
export function crawlRow(crawl, tools) {
  const { words, rules, when } = tools;
  const isFailed = crawl.state === "failed";
  return element(
    "li",
    { class: `card crawl${isFailed ? " failed" : ""}`, "data-key": crawl.crawl_id },
    element("div", { class: "head" }, element("h3", {}, when.moment(crawl.started_at ?? crawl.requested_at)), stateOf(crawl, words, rules)),
    element("p", { class: "about" }, summary(crawl, words, when, rules)),
    isFailed && element("p", { class: "why" }, ...problemNote(crawl.reason ?? "", { rules, words })),
    element("details", { "data-part": "more" }, element("summary", {}, words.details), ...details(crawl, tools)),
  );
}

/** Whether there is anything to look at: remarks ask for nothing, and what is not shown may be more than a remark. */
function isTroubled(crawl, rules) {
  return crawl.problem_count > crawl.problems.length || crawl.problems.some(({ reason }) => !explain(reason, rules)?.isRemark);
}

function stateOf(crawl, words, rules) {
  const known = {
    finished: isTroubled(crawl, rules) ? ["wait", "alert", words.crawlWithProblems] : ["good", "check", words.crawlFinished],
    failed: ["bad", "cross", words.crawlFailed],
    running: ["wait", "clock", words.crawlRunning],
    requested: ["wait", "clock", words.crawlRequested],
  };
  const [look, drawing, text] = known[crawl.state] ?? ["", "list", crawl.state];
  return element("span", { class: `state ${look}` }, icon(drawing), text);
}

function summary(crawl, words, when, rules) {
  const causes = { schedule: words.bySchedule, staff: words.byStaff, operator: words.byOperator };
  const changed = crawl.new + crawl.changed;
  const parts = [
    causes[crawl.cause],
    crawl.started_at && crawl.finished_at && when.span(Date.parse(crawl.finished_at) - Date.parse(crawl.started_at)),
    crawl.window && say(words.days, { first: when.day(crawl.window.from), last: when.day(crawl.window.to) }),
    say(words.files, { num: crawl.files }),
    sayCount(words.rowsNewOrChanged, changed, when.number(changed)),
    crawl.problem_count > 0 && say(isTroubled(crawl, rules) ? words.problemCount : words.remarkCount, { num: crawl.problem_count }),
  ];
  return parts.filter(Boolean).join(" · ");
}

function details(crawl, tools) {
  const { words, rules, when } = tools;
  const unshown = crawl.problem_count - crawl.problems.length;
  return [
    facts(crawl, words, when),
    accountBar(crawl, tools),
    crawl.problems.length > 0 && element("h4", {}, words.problems),
    crawl.problems.length > 0 && element("ol", { class: "problems" }, ...crawl.problems.map((each) => problem(each, words, rules, when))),
    unshown > 0 && element("p", { class: "soft" }, say(words.moreProblems, { num: unshown })),
  ];
}

function facts(crawl, words, when) {
  const entries = [
    [words.filesStored, when.number(crawl.files_stored)],
    [words.filesUnchanged, when.number(crawl.files_unchanged)],
    [words.filesRefused, when.number(crawl.files_refused)],
    [words.filesWithoutPrices, when.number(crawl.files_without_prices)],
    [words.pagesRead, when.number(crawl.pages)],
    [words.downloading, when.span(crawl.download_ms)],
    [words.storing, when.span(crawl.store_ms)],
    ...sources(crawl, words, when),
  ];
  const row = ([name, value]) => [element("dt", {}, name), element("dd", {}, value)];
  return element("dl", { class: "facts" }, ...entries.flatMap(row));
}

/** Where it went: each source with how far it came, when there were several. */
function sources({ source: all, sources: each = [] }, words, when) {
  if (each.length < 2) return [[words.source, visibleText(all)]];
  const states = { finished: words.crawlFinished, failed: words.crawlFailed, running: words.crawlRunning, waiting: words.crawlRequested };
  const places = ({ done, planned }) => ({ done: when.number(done), total: when.number(planned), num: planned });
  return each.map((one) => [visibleText(one.source), `${states[one.state] ?? one.state}, ${say(words.filesOf, places(one))}`]);
}

function problem({ url, line, reason }, words, rules, when) {
  const where = line ? `${visibleText(url)}, ${say(words.line, { num: when.number(line) })}` : visibleText(url);
  return element("li", {}, ...problemNote(reason, { rules, words }), element("br"), element("span", { class: "about" }, where));
}
