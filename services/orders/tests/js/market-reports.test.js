// The parts of the page of market reports, without a browser.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { accountBar, addsUp } from "../../src/orders/static/js/account-bar.js";
import { CrawlProgress, isRunning } from "../../src/orders/static/js/crawl-progress.js";
import { crawlRow } from "../../src/orders/static/js/crawl-row.js";
import { FetchNow } from "../../src/orders/static/js/fetch-now.js";
import { PricesAway, SignedOut } from "../../src/orders/static/js/prices-api.js";
import { offerSources } from "../../src/orders/static/js/past-days.js";
import { explain } from "../../src/orders/static/js/problem-rules.js";
import { quarantinedRows } from "../../src/orders/static/js/quarantined-rows.js";
import { reportFile } from "../../src/orders/static/js/report-file.js";
import { showStanding } from "../../src/orders/static/js/report-standing.js";
import { visibleText } from "../../src/orders/static/js/visible-text.js";
import { When } from "../../src/orders/static/js/when.js";
import { fakeDocument } from "../fakes/document.js";

const ZONE = "America/Los_Angeles";
const HOSTILE = "<script>alert(1)</script>";
// Every word says its own name, with the places that the real ones have.
const PLACES = "%(num)s %(done)s/%(total)s %(day)s %(latest)s %(moment)s %(first)s-%(last)s %(id)s %(report)s %(holiday)s";
const words = new Proxy({}, { get: (_, name) => `${String(name)} ${PLACES}` });
const when = new When("en", ZONE);
const tools = { words, when, rules: [["is above high", "Contradiction.", "Compare.", false], ["wide range", "Wide.", "Nothing.", true]] };
const ACCOUNT = { rows_read: 10, new: 5, changed: 2, unchanged: 1, exact_doubles: 1, quarantined: 1 };
const FILE = {
  ...ACCOUNT,
  ...{ file_id: "f1", file: "2306.csv", url: "https://usda.example/2306.csv", state: "stored", reason: null, line: null },
  ...{ current: true, report_id: "2306", market: "Los Angeles", first_date: "2026-01-07", last_date: "2026-01-08" },
  stored_at: "2026-01-08T21:00:00Z",
};
const CRAWL = {
  ...ACCOUNT,
  ...{ crawl_id: "c1", source: "https://usda.example/", cause: "staff", state: "finished", reason: null },
  ...{ requested_at: "2026-01-08T21:00:00Z", started_at: "2026-01-08T21:00:01Z", finished_at: "2026-01-08T21:00:13Z" },
  ...{ pages: 2, files: 4, files_stored: 3, files_unchanged: 0, files_refused: 1, files_without_prices: 0 },
  ...{ download_ms: 400, store_ms: 9000, problem_count: 0, problems: [] },
};

let world;
beforeEach(() => {
  world = fakeDocument();
});

function place(...names) {
  const made = world.createElement("div");
  for (const name of names) {
    const child = world.createElement(name === "bar" ? "progress" : "p");
    child.setAttribute(`data-${name}`, "");
    made.append(child);
  }
  world.body.append(made);
  return made;
}

test("days, moments and spans read as the server writes them", () => {
  assert.equal(when.day("2026-01-08"), "Thu, Jan 8");
  assert.equal(when.moment("2026-01-09T02:00:00Z"), "Thu, Jan 8, 6:00 PM PST");
  assert.match(new When("es", ZONE).moment("2026-07-09T02:00:00Z"), /^mié, 8 .*jul, 7:00 p\..*PDT$/);
  for (const [ms, text] of [[-5, "0 sec"], [440, "0.4 sec"], [12_400, "12 sec"], [185_000, "3 min 5 sec"], [120_000, "2 min"], [9_996, "10 sec"]]) {
    assert.equal(when.span(ms), text);
  }
});

test("raw text shows what cannot be seen, and is cut off", () => {
  assert.equal(visibleText("a\tb\u0000c\u007f"), "a␉b␀c␡");
  assert.equal(visibleText("safe\u202Egnp.exe\u200B"), "safe[U+202E]gnp.exe[U+200B]");
  assert.equal(visibleText(`${HOSTILE} Piñata "2 1/2"`), `${HOSTILE} Piñata "2 1/2"`);
  assert.equal(visibleText("x".repeat(3_000)).length, 2_001);
});

test("the first rule that fits explains a reason; what nobody knows stands for itself", () => {
  const rules = [["HTTP 404", "Gone.", "Look."], ["HTTP \\d+", "Odd.", "Wait."]];
  assert.deepEqual(explain("the index could not be read: http 404", rules), { text: "Gone.", advice: "Look.", isRemark: false });
  assert.equal(explain("HTTP 500", rules).text, "Odd.");
  assert.equal(explain("a new kind of trouble", rules), null);
});

test("the bar's parts are as long as their numbers, and the numbers stand beside them", () => {
  const bar = accountBar(ACCOUNT, tools);
  const [pieces] = bar.children;
  assert.deepEqual(pieces.children.map(({ style }) => style.flexGrow), ["5", "2", "1", "1", "1"]);
  assert.deepEqual(bar.querySelectorAll("dd").map(({ textContent }) => textContent), ["5", "2", "1", "1", "1"]);
  assert.equal(accountBar({ ...ACCOUNT, rows_read: 0 }, tools), null);
});

test("an account that does not add up is said aloud", () => {
  assert.ok(addsUp(ACCOUNT));
  const wrong = { ...ACCOUNT, new: 4 };
  assert.ok(!addsUp(wrong));
  assert.match(accountBar(wrong, tools).textContent, /doesNotAddUp/);
  assert.doesNotMatch(accountBar(ACCOUNT, tools).textContent, /doesNotAddUp/);
});

test("a file says where it is from, what became of it, and links only to web addresses", () => {
  const row = reportFile(FILE, tools);
  assert.equal(row.querySelector("a").attributes.href, FILE.url);
  assert.match(row.textContent, /fileStoredPartly/);
  assert.match(row.textContent, /Los Angeles/);
  assert.equal(reportFile({ ...FILE, url: "javascript:alert(1)" }, tools).querySelector("a"), null);
});

test("a refused file says why and what to do, with the line", () => {
  const row = reportFile({ ...FILE, state: "refused", reason: "low 9 is above high 3", line: 7 }, tools);
  assert.match(row.textContent, /Contradiction\. Compare\..*low 9 is above high 3/);
  assert.match(row.textContent, /line 7/);
});

test("markup in a file is text on the page", () => {
  const row = reportFile({ ...FILE, file: HOSTILE, market: HOSTILE, state: "refused", reason: HOSTILE }, tools);
  assert.equal(row.querySelector("script"), null);
  assert.equal(row.querySelector("a").textContent, HOSTILE);
});

test("quarantined rows are fetched when they are opened, page by page", async () => {
  const asked = [];
  const answers = [
    { items: [{ line: 3, reason: "low 9 is above high 3", raw: HOSTILE }], next: "/api/v1/prices/next" },
    { items: [{ line: 4, reason: "odd", raw: "a\u0000" }], next: null },
  ];
  const ask = async (path) => {
    asked.push(path);
    return { status: 200, body: answers.shift() };
  };
  const part = quarantinedRows({ ...FILE, quarantined: 3 }, { ...tools, ask });
  part.open = true;
  await part.listeners.toggle();
  assert.deepEqual(asked, ["/reports/f1/quarantine?limit=25"]);
  assert.equal(part.querySelector("code").textContent, HOSTILE);
  assert.equal(part.querySelector("script"), null);
  const more = part.querySelector("button");
  assert.ok(!more.hidden);
  await more.listeners.click();
  assert.deepEqual(part.querySelectorAll("code").map(({ textContent }) => textContent), [HOSTILE, "a␀"]);
  assert.ok(more.hidden);
  assert.match(part.textContent, /quarantineRest/); // three were counted, two kept
});

test("rows that do not load can be asked for again", async () => {
  const part = quarantinedRows(FILE, { ...tools, ask: async () => Promise.reject(new PricesAway()) });
  part.open = true;
  await part.listeners.toggle();
  assert.match(part.textContent, /notLoadedHere/);
  assert.ok(!part.querySelector("button").hidden);
});

test("a visit that failed says why, one with problems lists them with address and line", () => {
  const failed = crawlRow({ ...CRAWL, state: "failed", reason: "low 9 is above high 3" }, tools);
  assert.match(failed.attributes.class, /failed/);
  assert.match(failed.textContent, /crawlFailed.*Contradiction/);
  const problems = [{ url: "https://usda.example/x.csv", line: 8, reason: HOSTILE }];
  const row = crawlRow({ ...CRAWL, problem_count: 3, problems }, tools);
  assert.match(row.textContent, /crawlWithProblems/);
  assert.match(row.textContent, /problemUnknown .*https:\/\/usda\.example\/x\.csv, line 8/);
  assert.match(row.textContent, /moreProblems 2/);
  assert.equal(row.querySelector("script"), null);
  assert.match(crawlRow(CRAWL, tools).textContent, /byStaff.*12 sec/);
});

test("a visit with remarks only is complete, and its days are told where it was for some", () => {
  const remark = { url: "https://usda.example/x.csv", line: 8, reason: "a wide range" };
  const row = crawlRow({ ...CRAWL, problem_count: 1, problems: [remark], window: { from: "2026-01-02", to: "2026-01-08" } }, tools);
  assert.match(row.textContent, /crawlFinished.*Fri, Jan 2-Thu, Jan 8.*remarkCount 1/);
  for (const more of [{ problem_count: 2 }, { problem_count: 2, problems: [remark, { ...remark, reason: "?" }] }]) {
    assert.match(crawlRow({ ...CRAWL, problems: [remark], ...more }, tools).textContent, /crawlWithProblems.*problemCount 2/);
  }
});

test("of several sources each says how far it came", () => {
  const source = { state: "finished", planned: 4, done: 4 };
  const both = [{ ...source, source: "mars" }, { ...source, source: "portal", state: "failed", done: 1 }];
  assert.match(crawlRow({ ...CRAWL, sources: both }, tools).textContent, /marscrawlFinished.*4\/4.*portalcrawlFailed.*1\/4/);
  assert.match(crawlRow({ ...CRAWL, sources: both.slice(1) }, tools).textContent, /source.*usda\.example/);
});

function progressIn(names = ["bar", "progress-text"]) {
  const there = place(...names);
  return { there, bar: there.querySelector("progress"), shown: new CrawlProgress(there, tools) };
}

test("the progress bar shows what is known, and nothing before anything is", () => {
  const { there, bar, shown } = progressIn();
  shown.fromList([{ ...CRAWL, state: "requested", files: 0, rows_read: 0, problem_count: 0 }]);
  assert.ok(!there.hidden);
  assert.ok(bar.hidden);
  assert.match(there.textContent, /lookingForFiles/);
  assert.ok(shown.fromNews({ crawl_id: "c1", state: "running", files: 3, files_total: 12, rows: 900, problems: 1 }));
  assert.deepEqual([bar.hidden, bar.value, bar.max], [false, 3, 12]);
  assert.match(there.textContent, /filesOf 3 3\/12/);
  assert.match(there.textContent, /problemCount 1/);
});

test("progress never goes back within a visit, and more files than were known widen the bar", () => {
  const { bar, shown } = progressIn();
  shown.fromNews({ crawl_id: "c1", state: "running", files: 5, files_total: 12, rows: 900, problems: 0 });
  shown.fromList([{ ...CRAWL, state: "running", files: 4, progress: { done: 4, total: 12 } }]);
  assert.equal(bar.value, 5);
  shown.fromNews({ crawl_id: "c1", state: "running", files: 13, files_total: 12, rows: 900, problems: 0 });
  assert.deepEqual([bar.value, bar.max], [13, 13]);
  shown.fromNews({ crawl_id: "c2", state: "started", files: 0, files_total: null, rows: 0, problems: 0 });
  assert.ok(bar.hidden);
});

test("how a visit ended is the list's to say", () => {
  const { there, shown } = progressIn();
  shown.fromNews({ crawl_id: "c1", state: "running", files: 5, files_total: 12, rows: 1, problems: 0 });
  assert.ok(!shown.fromNews({ crawl_id: "c1", state: "failed", files: null, rows: null, problems: null }));
  assert.ok(shown.isRunning);
  shown.fromList([{ ...CRAWL, state: "failed" }]);
  assert.ok(!shown.isRunning);
  assert.ok(there.hidden);
  assert.deepEqual(["requested", "started", "running", "finished", "failed"].map((state) => isRunning({ state })), [true, true, true, false, false]);
});

test("a list that was asked for before the visit began does not end it", () => {
  const { shown } = progressIn();
  shown.fromList([{ ...CRAWL, crawl_id: "c2", state: "requested" }]);
  shown.fromList([CRAWL]);
  assert.ok(shown.isRunning);
  shown.fromList([{ ...CRAWL, crawl_id: "c2" }, CRAWL]);
  assert.ok(!shown.isRunning);
});

const SCHEDULE = {
  ...{ is_on: true, is_running: false, next_due_at: "2026-01-09T20:00:00Z", today: "2026-01-08", is_report_day: true },
  ...{ expected_on: "2026-01-08", latest_on: "2026-01-08", business_days_late: 0, reports: [] },
};

function standing(change) {
  const there = place();
  showStanding(there, { ...SCHEDULE, ...change }, tools);
  return there;
}

test("whether the report is in is said in words, with the next visit", () => {
  assert.match(standing({}).textContent, /reportIn.*nextVisit .*Fri, Jan 9, 12:00 PM PST/);
  assert.match(standing({ latest_on: "2026-01-07", expected_on: "2026-01-07" }).textContent, /reportLaterToday/);
  assert.match(standing({ is_report_day: false, latest_on: "2026-01-07" }).textContent, /noReportToday/);
  assert.match(standing({ latest_on: "2026-01-07", business_days_late: 1 }).textContent, /reportAwaited/);
  const late = standing({ latest_on: "2026-01-05", business_days_late: 3 });
  assert.match(late.textContent, /reportLate 3/);
  assert.match(late.querySelector("p").attributes.class, /late/);
  assert.match(standing({ latest_on: null }).textContent, /noReportYet/);
  assert.match(standing({ is_on: false, next_due_at: null }).textContent, /visitsOff/);
  assert.match(standing({ is_running: true, next_due_at: null }).textContent, /visitRunning/);
});

test("a holiday is named in the page's language, and not at all in another one", () => {
  const holiday = { is_report_day: false, latest_on: "2026-01-16", holiday: "Martin Luther King Jr. Day", holiday_es: "Día de Martin Luther King" };
  assert.match(standing(holiday).textContent, /holidayToday .*Fri, Jan 16.*Martin Luther King Jr\. Day/);
  const spanish = (more) => {
    const there = place();
    showStanding(there, { ...SCHEDULE, ...holiday, ...more }, { ...tools, language: "es" });
    return there.textContent;
  };
  assert.match(spanish({}), /holidayToday .*Día de Martin Luther King/);
  assert.match(spanish({ holiday_es: undefined }), /noReportToday/);
});

test("only sources that can be asked for days are offered, and no form where there is none", () => {
  const there = place("days", "unable");
  const options = ["", "mars", "portal"].map((value) => {
    const option = document.createElement("option");
    option.value = value;
    there.append(option);
    return option;
  });
  offerSources(there, [{ name: "index", can_backfill: false }, { name: "mars", can_backfill: true }]);
  assert.deepEqual(options.map(({ hidden }) => hidden), [false, false, true]);
  assert.deepEqual(["days", "unable"].map((name) => there.querySelector(`[data-${name}]`).hidden), [false, true]);
  offerSources(there, [{ name: "index", can_backfill: false }]);
  assert.deepEqual(["days", "unable"].map((name) => there.querySelector(`[data-${name}]`).hidden), [true, false]);
});

test("reports that are late are named one by one", () => {
  const reports = [
    { report_id: "2306", market: "Los Angeles", latest_on: "2026-01-08", business_days_late: 0 },
    { report_id: "2307", market: "Los Angeles", latest_on: "2026-01-06", business_days_late: 2 },
    { report_id: "2309", market: null, latest_on: null, business_days_late: 9 },
  ];
  const items = standing({ business_days_late: 2, reports }).querySelectorAll("li");
  assert.deepEqual(items.map(({ textContent }) => /lastOf|neverCame/.exec(textContent)[0]), ["lastOf", "neverCame"]);
});

function button(ask, seen = []) {
  const [pressed, said, label] = [world.createElement("button"), world.createElement("p"), world.createElement("span")];
  label.setAttribute("data-label", "");
  pressed.append(label);
  const started = (crawl) => seen.push(crawl);
  return { pressed, said, seen, now: new FetchNow(pressed, said, { words, started, signedOut: () => seen.push("out"), ask }) };
}

test("the button says what came of it: started, running already, refused, away, signed out", async () => {
  for (const [status, word, told] of [[202, "fetchStarted", [{ id: 1 }]], [409, "fetchRunning", [null]], [403, "fetchRefused", []]]) {
    const { now, said, seen } = button(async () => ({ status, body: { id: 1 } }));
    await now.press();
    assert.match(said.textContent, new RegExp(word));
    assert.deepEqual(seen, told);
  }
  const away = button(async () => Promise.reject(new PricesAway()));
  await away.now.press();
  assert.match(away.said.textContent, /fetchAway/);
  const out = button(async () => Promise.reject(new SignedOut()));
  await out.now.press();
  assert.deepEqual(out.seen, ["out"]);
});

test("while a visit runs, or is being asked for, the button does nothing but say so", async () => {
  let asked = 0;
  const { now, pressed } = button(async () => ({ status: (asked += 1) && 202, body: {} }));
  now.running(true);
  await now.press();
  assert.equal(asked, 0);
  assert.equal(pressed.attributes["aria-disabled"], "true");
  now.running(false);
  await Promise.all([now.press(), now.press()]);
  assert.equal(asked, 1);
  assert.equal(pressed.attributes["aria-disabled"], "false");
});
