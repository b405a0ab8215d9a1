"""Run every check and suite of the repository: python3 -m tests.run [NAME...].

A name picks a suite (services/orders, end-to-end …) or a group of checks (lint, types, imports). Prints one line when
each ends, the output of those that failed, and last the closing line that CI reads: `N passed, N failed`.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree

from native import environments, installation
from tests.suites import ROOT, SERVICES, Check, Suite, checks, suites

# One more than the cores of a small machine: suites wait a good deal, for processes, pages and times to pass.
AT_ONCE = 3
SUITE_TIMEOUT_S = 3_300
OUTPUT_SHOWN = 12_000
PROJECTS = ("events", "demo", "backup", *SERVICES, "gateway", "tests")
# Suites and systems under test must not inherit what tells systems apart.
NOT_PASSED_ON = ("MERCADITO_RUN_DIR", "MERCADITO_PORT", "USDA_FILES_DIR", "USDA_TODAY")

# Hypothesis then sets examples no deadline, which suites side by side would miss, and tries the same ones each time.
FOR_SUITES = {"CI": "true"}


@dataclass
class Outcome:
    """What one check or suite came to."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    output: str = ""
    reasons: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the line printed when it ends."""
        mark = "✗" if self.failed else "✓"
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{mark} {self.name:<28} {self.passed} passed, {self.failed} failed{skipped} ({self.seconds:.0f} s)"


def _execute(command: list[str], folder: Path) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON} | FOR_SUITES
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=False,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SUITE_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        return 1, f"{late.stdout!s}\nended after {SUITE_TIMEOUT_S} s"
    return done.returncode, done.stdout


def run_check(check: Check) -> Outcome:
    """Run one check; it counts as one."""
    began = time.monotonic()
    code, output = _execute(list(check.command), check.folder)
    return Outcome(check.name, int(code == 0), int(code != 0), seconds=time.monotonic() - began, output=output)


def read_report(report: Path, outcome: Outcome) -> None:
    """Add a JUnit report's counts; a broken collection counts as a failure there."""
    for case in ElementTree.parse(report).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
            outcome.failures.append(f"{case.get('classname')}::{case.get('name')}")
        elif skipped is not None:
            outcome.skipped += 1
            outcome.reasons.add(skipped.get("message", ""))
        else:
            outcome.passed += 1


def run_suite(suite: Suite) -> Outcome:
    """Run one pytest suite and count its tests; ending badly without a failed test counts as one failure."""
    print(f"… {suite.name}", flush=True)
    began = time.monotonic()
    if suite.before and os.environ.get("REQUIRE_DOCKER") == "1":
        code, output = _execute(list(suite.before), ROOT)
        if code:
            return Outcome(suite.name, failed=1, seconds=time.monotonic() - began, output=output)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code, output = _execute([*suite.command, "-q", "--color=no", f"--junitxml={report}"], suite.folder)
        outcome = Outcome(suite.name, seconds=time.monotonic() - began, output=output)
        if report.exists():
            read_report(report, outcome)
    if code and not outcome.failed:
        outcome.failed = 1
    return outcome


def prepare() -> None:
    """Install what the tests need."""
    print("… installing what is missing", flush=True)
    installation.ensure(tests=True)
    environments.tools()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda project: environments.ensure(ROOT / project, test=True), PROJECTS))


def _report(outcome: Outcome, outcomes: list[Outcome]) -> None:
    outcomes.append(outcome)
    print(outcome.line(), flush=True)
    for reason in sorted(outcome.reasons):
        print(f"    skipped: {reason}", flush=True)
    if outcome.failed:
        print(outcome.output[-OUTPUT_SHOWN:], flush=True)
    for name in outcome.failures:
        print(f"    failed: {name}", flush=True)


def _wanted(names: list[str]) -> tuple[list[Check], list[Suite]]:
    if not names:
        return checks(), suites()
    chosen_checks = [check for check in checks() if check.group in names or check.name in names]
    chosen_suites = [suite for suite in suites() if suite.name in names]
    if not (chosen_checks or chosen_suites):
        known = sorted({check.group for check in checks()} | {suite.name for suite in suites()})
        raise SystemExit(f"no suite or check is called {', '.join(names)}; there are: {', '.join(known)}")
    return chosen_checks, chosen_suites


def main(names: list[str]) -> int:
    """Run what is wanted, a few at a time; return the exit code."""
    chosen_checks, chosen_suites = _wanted(names)
    prepare()
    outcomes: list[Outcome] = []
    reporting = Lock()

    def run(work: Callable[[], Outcome]) -> None:
        outcome = work()
        with reporting:
            _report(outcome, outcomes)

    # Suites first: the checks are small, and fill what time the lanes have left.
    works = [partial(run_suite, suite) for suite in chosen_suites] + [
        partial(run_check, check) for check in chosen_checks
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for ended in as_completed([pool.submit(run, work) for work in works]):
            ended.result()
    passed, failed = sum(each.passed for each in outcomes), sum(each.failed for each in outcomes)
    skipped = sum(each.skipped for each in outcomes)
    print(f"{passed} passed, {failed} failed{f', {skipped} skipped' if skipped else ''}", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
