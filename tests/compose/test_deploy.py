"""What a deploy looks at before it touches anything, and how it remembers releases; no container is started."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.driver.system import ROOT

COMPOSE = ROOT / "compose"
DONE_WITHIN_S = 60
TOUCHING = (["deploy"], ["rollback"], ["restore", "newest"])
GOOD = {
    "MERCADITO_VERSION": "1.2.3",
    "MERCADITO_IMAGES": "present",
    "PUBLIC_URL": "https://shop.example",
    "SMTP_HOST": "smtp.shop.example",
    "MAIL_FROM": "Hub <orders@shop.example>",
    "MAIL_MESSAGE_ID_DOMAIN": "shop.example",
    "BACKUP_RECIPIENTS": "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "USDA_INDEX_URL": "https://prices.example/",
    "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8",
}


@pytest.fixture
def server(tmp_path: Path, engine: None) -> dict[str, str]:
    """An empty server's environment, with everything that production wants to be told."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    state = tmp_path / "state"
    own = {"COMPOSE_PROJECT_NAME": f"mercadito-empty-{os.getpid()}", "MERCADITO_STATE_DIR": str(state)}
    return {**kept, **own, "MERCADITO_PORT": "18999", **GOOD}


def run(command: str, server: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(COMPOSE / command), *arguments],
        env=server,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DONE_WITHIN_S,
    )


def test_a_server_that_was_told_everything_passes_and_has_secrets(server: dict[str, str]) -> None:
    done = run("deploy", server, "--check")
    assert done.returncode == 0, done.stdout
    state = Path(server["MERCADITO_STATE_DIR"])
    assert len((state / "secrets" / "session_secret").read_text()) >= 24
    assert state.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PUBLIC_URL", "http://shop.example", "production is reached by https"),
        ("PUBLIC_URL", "", "PUBLIC_URL is not set"),
        ("SMTP_HOST", "", "SMTP_HOST is not set"),
        ("MAIL_FROM", "", "MAIL_FROM is not set"),
        ("BACKUP_RECIPIENTS", "", "BACKUP_RECIPIENTS is not set"),
        ("BACKUP_RECIPIENTS", "AGE-SECRET-KEY-1", "it takes the public one"),
        ("USDA_INDEX_URL", "", "no source of prices"),
        ("MERCADITO_VERSION", "one two", "no tag of an image"),
        ("BACKUP_DIR", "/nowhere/backups", "install -d -o 10001"),
        ("BACKUP_KEEP_FREE_MB", "999999999", "BACKUP_KEEP_FREE_MB=999999999 MB left"),
        ("TLS_DOMAIN", "shop.example", "shop.example.key is not there"),
        ("DKIM_KEY_FILE", "/nowhere/dkim.pem", "DKIM_KEY_FILE=/nowhere/dkim.pem is not there"),
        ("BACKUP_COPY_CONFIG_FILE", "nowhere.conf", "/compose/nowhere.conf is not there"),
        ("COMPOSE_PROFILES", "acme", "ACME_EMAIL is not set"),
        ("MERCADITO_OBSERVABILITY", "True", "MERCADITO_OBSERVABILITY=True is neither on nor off"),
        ("MERCADITO_IMAGES", "pulled", "MERCADITO_IMAGES=pulled is neither build nor present"),
        ("MERCADITO_PULL", "true", "MERCADITO_PULL=true is neither yes nor no"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_touched(
    server: dict[str, str], name: str, value: str, said: str
) -> None:
    extra = {"TLS_DIR": "/nowhere", "TLS_DOMAIN": "shop.example"} if name in ("TLS_DOMAIN", "COMPOSE_PROFILES") else {}
    done = run("deploy", {**server, **extra, name: value}, "--check")
    assert done.returncode == 1
    assert said in done.stdout
    assert done.stdout.endswith("nothing was touched\n")


def test_every_file_of_the_operators_own_is_looked_for() -> None:
    wanted = re.findall(r"\$\{([A-Z_]+_FILE):-/dev/null\}", (COMPOSE / "compose.yaml").read_text())
    assert len(wanted) == 5
    (looked_for,) = re.findall(r"OWN_FILES=\((.*)\)", (COMPOSE / "release/preflight").read_text())
    assert set(looked_for.split()) == set(wanted)


ENGINE = """docker() {
    case $* in
        *Labels*) echo "$SERVICE" ;;
        inspect*) printf '%s\\n' CMD bash -c 'GET /readyz HTTP/1.0' '' ;;
        exec*) echo "$*" >&9 ;;
    esac
}"""


@pytest.mark.parametrize(("service", "asked"), [("orders-web", "/readyz"), ("backup", "/healthz")])
def test_a_late_copy_or_drill_keeps_no_release_out(service: str, asked: str) -> None:
    """It may be the one that mends it."""
    done = subprocess.run(
        ["bash", "-c", f"source {COMPOSE}/system; {ENGINE}; exec 9>&1; is_ready x"],
        env={"PATH": os.environ["PATH"], "SERVICE": service},
        check=False,
        capture_output=True,
        text=True,
    )
    assert asked in done.stdout


def test_every_problem_is_told_at_once(server: dict[str, str]) -> None:
    done = run("deploy", {**server, "SMTP_HOST": "", "MAIL_FROM": ""}, "--check")
    assert [line for line in done.stdout.splitlines() if line.startswith("✗")] == [
        f"✗ {name} is not set: give it in .env (.env.example says what it is)" for name in ("SMTP_HOST", "MAIL_FROM")
    ]


@pytest.mark.parametrize(
    ("more", "is_told"),
    [
        ({}, False),
        ({"MERCADITO_OBSERVABILITY": "on"}, False),
        ({"ALERT_MAIL_TO": "ops@hub.example"}, False),
        ({"MERCADITO_OBSERVABILITY": "on", "ALERT_MAIL_TO": "ops@hub.example"}, True),
    ],
)
def test_a_server_on_which_nobody_is_told_of_anything_says_so(
    server: dict[str, str], more: dict[str, str], *, is_told: bool
) -> None:
    done = run("deploy", server | more, "--check")
    assert done.returncode == 0, done.stdout
    assert ("! nobody is mailed when something is wrong" in done.stdout) is not is_told


def test_the_key_of_a_demos_backups_and_a_short_secret_are_refused(server: dict[str, str]) -> None:
    run("deploy", server, "--check")
    state = Path(server["MERCADITO_STATE_DIR"])
    (state / "backup_key.txt").write_text("AGE-SECRET-KEY-1")
    (state / "secrets" / "session_secret").unlink()
    (state / "secrets" / "session_secret").write_text("demo\n")
    said = run("deploy", server, "--check").stdout
    assert "backup_key.txt is a demo's" in said
    assert "session_secret is shorter than 24 characters" in said


def test_images_that_should_be_here_and_are_not_are_named(server: dict[str, str]) -> None:
    done = run("deploy", server)
    assert done.returncode == 1
    assert "mercadito/orders:1.2.3" in done.stdout


@pytest.mark.parametrize(
    ("more", "beside"),
    [
        ({}, set()),
        ({"COMPOSE_PROFILES": "acme"}, {"acme"}),
        ({"MERCADITO_OBSERVABILITY": "on"}, {"prometheus", "alertmanager", "grafana", "collector", "jaeger"}),
    ],
)
def test_what_stands_beside_comes_along_where_it_is_wanted(
    server: dict[str, str], tmp_path: Path, more: dict[str, str], beside: set[str]
) -> None:
    parts = "for part in system release/{record,steps} files holding release/{doorstep,exchange}"
    script = f"{parts}; do source {COMPOSE}/$part; done; choose_files; others || true"
    own = {"MERCADITO_ENV": "production", "TLS_DOMAIN": "shop.example", "TLS_DIR": str(tmp_path)}
    assert run("deploy", server, "--check").returncode == 0  # makes the secrets that the files name
    done = subprocess.run(
        ["bash", "-c", script], env=server | own | more, check=True, stdout=subprocess.PIPE, text=True
    )
    assert set(done.stdout.split()) == beside


def test_two_at_once_are_refused(server: dict[str, str]) -> None:
    state = Path(server["MERCADITO_STATE_DIR"])
    state.mkdir(parents=True)
    lock = state / "deploy.lock"
    with subprocess.Popen(["flock", lock, "sh", "-c", "echo held; cat"], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        said = [run(command, server, *more).stdout for command, *more in TOUCHING]
        holder.communicate()
    assert all("another deploy, rollback or restore" in each for each in said)


def test_without_a_release_there_is_nothing_to_go_back_to(server: dict[str, str]) -> None:
    done = run("rollback", server)
    assert done.returncode == 1
    assert "nothing was deployed here" in done.stdout


def remembered(server: dict[str, str], **files: str) -> None:
    state = Path(server["MERCADITO_STATE_DIR"])
    state.mkdir(parents=True)
    for name, text in files.items():
        (state / name.replace("_", ".", 1)).write_text(text)


RELEASES = "2026-01-01T00:00:00Z a production\n2026-01-02T00:00:00Z b production\n"


def test_a_release_that_may_not_run_on_the_schema_is_not_gone_back_to(server: dict[str, str]) -> None:
    # c was deployed and gone back from, to b.
    remembered(server, releases=RELEASES, release_schema="c b\n")
    done = run("rollback", server)
    assert done.returncode == 1
    assert "the schema is of c, which may have dropped what a needs" in done.stdout


def test_after_a_broken_deploy_of_the_same_release_no_other_is_gone_back_to(server: dict[str, str]) -> None:
    remembered(server, **{"releases": RELEASES, "release_under-way": "b\n"})
    done = run("rollback", server)
    assert done.returncode == 1
    assert "the deploy that broke off was of b itself" in done.stdout


@pytest.mark.parametrize("under_way", ["b back\n", "c\n"])
def test_a_rollback_that_broke_off_goes_on_to_where_it_was_going(server: dict[str, str], under_way: str) -> None:
    remembered(server, **{"releases": RELEASES, "release_under-way": under_way})
    done = run("rollback", server | {"MERCADITO_STATE_DIR": server["MERCADITO_STATE_DIR"]})
    target = "a" if "back" in under_way else "b"
    assert f"images of {target} are not here any more" in done.stdout


def recorded(tmp_path: Path, *commands: str) -> str:
    """Run commands of compose/release/record in a state folder of their own."""
    script = f"set -euo pipefail; source {COMPOSE}/system; MERCADITO_ENV=production; source {COMPOSE}/release/record"
    done = subprocess.run(
        ["bash", "-c", "\n".join([script, *commands])],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_releases_are_remembered_in_their_order(tmp_path: Path) -> None:
    said = recorded(tmp_path, "current_release", "for r in a b c; do record_release $r; done")
    assert said == ""
    assert recorded(tmp_path, "current_release", "previous_release") == "c\nb\n"
    assert recorded(tmp_path, "record_release c", "current_release", "previous_release") == "c\nb\n"
    assert recorded(tmp_path, "forget_current_release", "current_release", "previous_release") == "b\na\n"
    assert recorded(tmp_path, "forget_current_release", "previous_release") == ""


@pytest.mark.parametrize(
    ("deploys", "may", "may_not"),
    [
        ("", "a", ""),
        ("remember_schema a ''", "a", "b"),
        ("remember_schema a ''; remember_schema b a", "a b", "c"),
        # Only settings changed: what ran when b's migrations did may still be gone back to.
        ("remember_schema b a; remember_schema b b", "a b", "c"),
        ("remember_schema b a; remember_schema c b", "b c", "a"),
    ],
)
def test_a_release_runs_on_its_schema_and_on_that_of_the_next(
    tmp_path: Path, deploys: str, may: str, may_not: str
) -> None:
    runs = recorded(tmp_path, deploys, f"for r in {may}; do runs_on_the_schema $r && echo $r; done")
    assert runs.split() == may.split()
    for release in may_not.split():
        assert recorded(tmp_path, f"runs_on_the_schema {release} || echo no") == "no\n"


def test_the_list_of_releases_is_bounded_and_names_those_that_fall_out(tmp_path: Path) -> None:
    recorded(tmp_path, "for r in a b c d e f; do record_release $r; done")
    assert recorded(tmp_path, "forget_old_releases") == "a\nb\n"
    assert recorded(tmp_path, "cut -d ' ' -f 2 $RECORD") == "c\nd\ne\nf\n"


def test_whatever_is_started_beside_a_release_is_of_it(tmp_path: Path) -> None:
    recorded(tmp_path, "record_release 1.2.3")
    assert recorded(tmp_path, 'echo "$MERCADITO_VERSION"') == "1.2.3\n"


def test_a_demo_is_not_started_over_a_production_system(tmp_path: Path) -> None:
    recorded(tmp_path, "record_release 1.2.3")
    refused = recorded(tmp_path, "(forget_rehearsals 2>&1) || true")
    assert "this is a production system" in refused
    recorded(tmp_path, "MERCADITO_ENV=demo record_release 1.2.3", "forget_rehearsals", "test ! -e $RECORD")


def test_images_of_releases_that_never_arrived_or_were_gone_back_from_are_named_once(tmp_path: Path) -> None:
    recorded(tmp_path, "for r in a b c; do remember_images_of $r; done", "record_release a", "record_release c")
    assert recorded(tmp_path, "forget_strays") == "b\n"
    assert (
        recorded(tmp_path, "forget_current_release", "remember_images_of d", "record_release d", "forget_strays")
        == "c\n"
    )
    assert recorded(tmp_path, "forget_strays") == ""


def images(tmp_path: Path, **settings: str) -> list[str]:
    """Have a deploy provide its images, with stand-ins for engine and Compose; return what those were asked for."""
    stand_ins = r"""
        compose() {
            [ $1 != config ] || { printf '%s\n' mercadito/orders:1 postgres:17-trixie postgres:17-trixie; return; }
            echo "compose $*"
        }
        docker() { echo "docker $*"; }
        provide_images"""
    parts = f"for part in system release/record files release/images; do source {COMPOSE}/$part; done"
    said = f"set -euo pipefail; {parts}; {stand_ins}"
    done = subprocess.run(
        ["bash", "-c", said],
        env={"PATH": os.environ["PATH"], "MERCADITO_STATE_DIR": str(tmp_path), **settings},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_fixes_of_base_images_are_fetched_when_asked_for_and_nobodys_images_of_ours(tmp_path: Path) -> None:
    assert images(tmp_path) == ["compose build --quiet"]
    assert images(tmp_path, MERCADITO_PULL="yes") == [
        "docker pull --quiet postgres:17-trixie",
        "compose build --quiet --pull",
    ]
