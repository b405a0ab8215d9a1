"""What comes at its time: crawls, backups and drills."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.driver.system import ROOT
from tests.k8s.manifests import COMPONENT, environment, matches, names, of_kind, workload
from tests.k8s.test_2_pods import constant

DAYS = [date(2027, 1, 1) + timedelta(days=day) for day in range(365)]


def test_crawls_come_by_the_calendar_of_the_market_one_at_a_time(overlay: str) -> None:
    spec = workload(overlay, "usda-crawl").spec
    # Over 100 missed starts within it would end the schedule for good.
    assert 10 < spec["startingDeadlineSeconds"] <= 1800
    assert environment(workload(overlay, "usda").main)["USDA_SCHEDULE"]["value"] == "off"
    deadline = constant("services/usda-ingest/src/usda_ingest/settings.py", "DEFAULT_DEADLINE_S")
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] > deadline + 60 + 80


def test_what_has_its_time_comes_at_that_time_and_one_at_a_time(overlay: str) -> None:
    assert names(overlay, "CronJob") == {"usda-crawl", "backup", "backup-drill"}
    for each in of_kind(overlay, "CronJob"):
        spec = each["spec"]
        assert spec["timeZone"] == "America/Los_Angeles"
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["startingDeadlineSeconds"] > 10
        job = spec["jobTemplate"]["spec"]
        assert job["activeDeadlineSeconds"]
        # Volumes of one node are mounted where their owner is.
        (near,) = job["template"]["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert near["labelSelector"]["matchLabels"][COMPONENT] == "usda"
        assert near["topologyKey"] == "kubernetes.io/hostname"
    usda = workload(overlay, "usda").pod["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    sought = usda[0]["podAffinityTerm"]["labelSelector"]
    assert all(matches(sought, {COMPONENT: name}) for name in names(overlay, "CronJob"))


def _numbers(field: str) -> list[int]:
    """What a schedule's field names; of `*/30`, `9-23` and a number there is one each here."""
    if field.startswith("*/"):
        return list(range(0, 60, int(field[2:])))
    first, _, last = field.partition("-")
    return list(range(int(first), int(last or first) + 1))


def test_no_time_is_one_that_some_day_leaves_out_or_has_twice(overlay: str) -> None:
    """The controller's calendar (robfig/cron) skips a time that a day does not have, and with it that day's backup."""
    for each in of_kind(overlay, "CronJob"):
        zone = ZoneInfo(each["spec"]["timeZone"])
        minutes, hours = (_numbers(field) for field in each["spec"]["schedule"].split()[:2])
        times = [
            datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            for day in DAYS
            for hour in hours
            for minute in minutes
        ]
        # Where the clock is set forward or back the two readings of one time differ.
        unclear = [time for time in times if time.utcoffset() != time.replace(fold=1).utcoffset()]
        assert unclear == [], each["metadata"]["name"]


def test_a_drill_comes_when_the_longest_backup_is_over_and_is_tried_again(overlay: str) -> None:
    jobs = {each["metadata"]["name"]: each["spec"] for each in of_kind(overlay, "CronJob")}
    backup, drill = (jobs[name]["schedule"].split() for name in ("backup", "backup-drill"))
    begins, comes = (int(each[1]) * 60 + int(each[0]) for each in (backup, drill))
    # The dump, then the copy.
    bounds = [(ROOT / "backup/src/mercadito_backup" / name).read_text() for name in ("programs.py", "copying.py")]
    hours = [int(bound) for text in bounds for bound in re.findall(r"^DEADLINE_S = (\d+) \* 3600$", text, re.MULTILINE)]
    assert len(hours) == len(bounds)
    assert comes >= begins + sum(hours) * 60
    assert jobs["backup-drill"]["jobTemplate"]["spec"]["backoffLimit"] == 2


def test_a_backup_that_stands_is_not_taken_again_for_its_copy(overlay: str) -> None:
    backup = workload(overlay, "backup")
    job = backup.spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 2
    (rule,) = job["podFailurePolicy"]["rules"]
    cli = (ROOT / "backup/src/mercadito_backup/cli.py").read_text()
    ends = re.search(r"^NOT_DONE, SETTINGS_PROBLEM, NOT_COPIED = (\d), (\d), (\d)$", cli, re.MULTILINE)
    assert ends
    # Settings are no better the second time, either.
    codes = {"containerName": backup.main["name"], "operator": "In", "values": [int(ends[2]), int(ends[3])]}
    assert rule == {"action": "FailJob", "onExitCodes": codes}
    # What the API server demands of such a policy.
    assert backup.pod["restartPolicy"] == "Never"
