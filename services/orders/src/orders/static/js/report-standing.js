// Is the report in, and when does the service look next?

import { element, icon } from "./element.js";
import { say } from "./words.js";

const ALARM_DAYS = 3;

/** Draw `GET /api/v1/prices/schedule` into `place`. */
export function showStanding(place, schedule, { words, when, language = document.documentElement.lang }) {
  place.replaceChildren(
    element("p", { class: `standing ${look(schedule)}` }, icon(DRAWINGS[look(schedule)]), element("strong", {}, headline(schedule, words, when, language))),
    element("p", {}, next(schedule, words, when)),
    ...missing(schedule, words, when),
  );
}

const DRAWINGS = { in: "check", due: "clock", late: "alert" };

/** in, due (not yet there, nothing wrong) or late. */
export function look({ latest_on: latest, business_days_late: late }) {
  if (!latest) return "due";
  if (late >= ALARM_DAYS) return "late";
  return late > 0 ? "due" : "in";
}

function headline(schedule, words, when, language) {
  const { latest_on: latest, expected_on: expected, today, is_report_day: isReportDay, business_days_late: late } = schedule;
  if (!latest) return words.noReportYet;
  if (late >= ALARM_DAYS) return say(words.reportLate, { num: late, day: when.day(latest) });
  if (late > 0) return say(words.reportAwaited, { day: when.day(expected), latest: when.day(latest) });
  if (latest === today) return say(words.reportIn, { day: when.day(latest) });
  if (isReportDay) return say(words.reportLaterToday, { latest: when.day(latest) });
  const holiday = language === "es" ? schedule.holiday_es : schedule.holiday;
  if (holiday) return say(words.holidayToday, { holiday, latest: when.day(latest) });
  return say(words.noReportToday, { latest: when.day(latest) });
}

function next({ next_due_at: due, is_on: isOn, is_running: isRunning }, words, when) {
  if (isRunning) return words.visitRunning;
  if (!isOn) return words.visitsOff;
  return due ? say(words.nextVisit, { moment: when.moment(due) }) : "";
}

function missing({ reports = [] }, words, when) {
  const late = reports.filter(({ business_days_late: days }) => days > 0);
  if (!late.length) return [];
  const row = ({ report_id: id, market, latest_on: latest }) => {
    const name = [say(words.report, { id }), market].filter(Boolean).join(", ");
    return element("li", {}, latest ? say(words.lastOf, { report: name, day: when.day(latest) }) : say(words.neverCame, { report: name }));
  };
  return [element("ul", { class: "missing" }, ...late.map(row))];
}
