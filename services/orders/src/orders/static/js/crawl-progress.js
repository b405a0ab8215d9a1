// The visit that runs right now. The bar says what is known: files done of files found; before any is found there is no bar.

import { say, sayCount } from "./words.js";

const RUNNING = ["requested", "started", "running"];

/** Say whether a crawl, of the list or of a message, still goes on. */
export function isRunning({ state }) {
  return RUNNING.includes(state);
}

export class CrawlProgress {
  constructor(place, { words, when }) {
    Object.assign(this, { place, words, when });
    this.bar = place.querySelector("progress");
    this.text = place.querySelector("[data-progress-text]");
    this.current = null;
  }

  get isRunning() {
    return this.current !== null;
  }

  /** Take the service's list, newest first; one that does not know the crawl shown is older than what is shown. */
  fromList(crawls) {
    const [crawl] = crawls;
    if (this.current && crawls.every(({ crawl_id: id }) => id !== this.current.id)) return;
    if (!crawl || !isRunning(crawl)) return this.show(null);
    const { done = crawl.files, total = null } = crawl.progress ?? {};
    this.take({ id: crawl.crawl_id, done, total, rows: crawl.rows_read, problems: crawl.problem_count });
  }

  /** Take a message of the channel; return whether the crawl goes on. How it ended, the list says. */
  fromNews(told) {
    const { crawl_id: id, files, files_total: total, rows, problems } = told;
    const goesOn = isRunning(told);
    if (goesOn) this.take({ id, done: files ?? 0, total: total ?? null, rows: rows ?? 0, problems: problems ?? 0 });
    return goesOn;
  }

  /** An answer of the list may be older than the last message: what was done stays done. */
  take(told) {
    const before = this.current?.id === told.id ? this.current : { done: 0, rows: 0, problems: 0, total: null };
    const more = (name) => Math.max(before[name], told[name]);
    this.show({ id: told.id, done: more("done"), rows: more("rows"), problems: more("problems"), total: told.total ?? before.total });
  }

  show(crawl) {
    this.current = crawl;
    this.place.hidden = crawl === null;
    if (crawl === null) return;
    const { words, when } = this;
    const { done, total, rows, problems } = crawl;
    this.bar.hidden = !total;
    if (total) {
      this.bar.max = Math.max(total, done);
      this.bar.value = done;
    }
    const places = { done: when.number(done), total: when.number(total ?? 0), num: done };
    const files = total ? say(words.filesOf, places) : say(words.filesSoFar, places);
    const parts = [done || total ? files : words.lookingForFiles];
    if (rows) parts.push(sayCount(words.rows, rows, when.number(rows)));
    if (problems) parts.push(say(words.problemCount, { num: problems }));
    this.text.textContent = parts.join(" · ");
  }
}
