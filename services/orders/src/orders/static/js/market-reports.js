// The staff's page of the USDA's reports: is today's in, the visit that runs, those before it, every file with its account.

import { showConnection } from "./connection.js";
import { CrawlProgress, isRunning } from "./crawl-progress.js";
import { crawlRow } from "./crawl-row.js";
import { FetchNow } from "./fetch-now.js";
import { PagedList } from "./paged-list.js";
import { offerSources } from "./past-days.js";
import { SignedOut, askPrices } from "./prices-api.js";
import { problemNote } from "./problem-note.js";
import { goLive } from "./realtime.js";
import { Refresher } from "./refresher.js";
import { reportFile } from "./report-file.js";
import { showStanding } from "./report-standing.js";
import { When } from "./when.js";
import { readWords } from "./words.js";

const OK = 200;
const CRAWLS = "/crawls?limit=20";
const FILES = "/reports?limit=50";
const AFTER_DUE_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class MarketReports {
  constructor(page) {
    this.page = page;
    this.words = readWords(page);
    const when = new When(document.documentElement.lang, page.dataset.zone);
    this.tools = { ask: askPrices, words: this.words, rules: JSON.parse(page.dataset.problems), when };
    this.progress = new CrawlProgress(this.find("progress"), this.tools);
    this.crawls = this.listIn("crawls", CRAWLS, ({ crawl_id: id }) => id, crawlRow, (crawl) => !isRunning(crawl));
    this.files = this.listIn("files", FILES, ({ file_id: id }) => id, reportFile);
    this.refresher = new Refresher(() => this.refresh());
    this.fetchNow = new FetchNow(this.find("fetch"), this.find("said"), {
      words: this.words,
      started: (crawl) => this.started(crawl),
      signedOut: () => this.connected("signed-out"),
    });
  }

  find(name) {
    return this.page.querySelector(`[data-${name}]`);
  }

  listIn(name, path, key, draw, shows) {
    const part = this.find(name);
    const [place, more, empty] = ["rows", "more", "empty"].map((each) => part.querySelector(`[data-${each}]`));
    return new PagedList({ path, place, more, empty, key, shows, draw: (item) => draw(item, this.tools), ask: askPrices });
  }

  start() {
    this.find("loading").hidden = false;
    if (new URLSearchParams(location.search).has("answer")) history.replaceState(null, "", location.pathname); // said once
    document.addEventListener("visibilitychange", () => document.hidden || this.refresher.soon());
    this.refresher.soon(0);
    goLive([{ c: "crawls", since: Number(this.page.dataset.since) }], {
      message: (message) => message.c === "crawls" && this.news(message.d),
      reset: () => this.refresher.soon(),
      state: (state) => this.connected(state),
    });
  }

  /** Fetch everything; return whether that worked (signed out there is nothing to try again). */
  async refresh() {
    let isAway = false;
    try {
      await Promise.all([this.crawls.refresh(), this.files.refresh(), this.refreshStanding()]);
      this.takeNewest();
      this.find("lists").hidden = false;
    } catch (error) {
      if (error instanceof SignedOut) this.connected("signed-out");
      else isAway = true;
    }
    this.find("loading").hidden = true;
    this.find("away").hidden = !isAway;
    return !isAway;
  }

  async refreshStanding() {
    const { status, body } = await askPrices("/schedule");
    const place = this.find("standing");
    place.hidden = status !== OK; // an older service has no schedule to tell
    if (status !== OK) return;
    showStanding(place, body, this.tools);
    offerSources(this.find("past"), body.sources ?? []);
    clearTimeout(this.dueTimer);
    const left = Date.parse(body.next_due_at ?? "") - Date.now();
    if (left > 0) this.dueTimer = setTimeout(() => this.refresher.soon(), Math.min(LONGEST_TIMER_MS, left + AFTER_DUE_MS));
  }

  takeNewest() {
    const [newest] = this.crawls.items;
    const wasRunning = this.progress.isRunning;
    this.progress.fromList(this.crawls.items);
    this.showRunning();
    this.showTrouble(this.crawls.items.find((crawl) => !isRunning(crawl)));
    if (wasRunning && !this.progress.isRunning) this.find("said").textContent = this.ended(newest);
  }

  /** The last visit that ended failed: that stands on top until one succeeds. */
  showTrouble(last) {
    const place = this.find("trouble");
    place.hidden = last?.state !== "failed";
    if (!place.hidden) place.querySelector("span").replaceChildren(...problemNote(last.reason ?? "", this.tools));
  }

  showRunning() {
    this.fetchNow.running(this.progress.isRunning);
    if (this.progress.isRunning) this.refresher.lively();
  }

  ended(crawl) {
    if (crawl?.state === "failed") return this.words.endedFailed;
    return crawl?.state === "finished" ? this.words.endedFinished : "";
  }

  started(crawl) {
    if (crawl) this.progress.fromList([crawl]);
    this.showRunning();
    this.refresher.soon();
  }

  news(told) {
    const goesOn = this.progress.fromNews(told);
    this.showRunning();
    this.refresher.soon(goesOn ? undefined : 0);
  }

  connected(state) {
    showConnection(this.page, state);
    this.refresher.blind(state === "stale");
  }
}

const page = document.querySelector("[data-market-reports]");
if (page) new MarketReports(page).start();
