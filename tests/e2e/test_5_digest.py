"""The weekly mail of what market prices did, made at an operator's word."""

from dataclasses import replace

from tests.driver.api import Client
from tests.driver.polling import eventually
from tests.driver.system import System

SETTINGS = ("DIGEST_AT", "USDA_TODAY", "USDA_FILES_DIR")


def test_an_operator_has_the_weeks_digest_made_once_and_it_knows_what_a_store_buys(
    system: System, staff: Client, buyers: list[Client]
) -> None:
    followed = [offer for offer in buyers[0].cycle()["offers"] if offer["product"]["series_id"]]
    placed = buyers[0].place({offer["id"]: 1 for offer in followed[:5]})
    assert placed.status_code == 201, placed.text
    eventually(lambda: "0 stores" not in system.make("digest"), within_s=20, what="what the store buys")
    assert "is turned off. It would tell of" in system.make("digest")
    # Whoever asks from another shell is told of the system's own settings.
    elsewhere = replace(system, environment={k: v for k, v in system.environment.items() if k not in SETTINGS})
    assert "is turned off. It would tell of" in elsewhere.make("digest")
    mailbox = system.mailbox()
    assert "is queued." in system.make("digest", "A=--now")
    assert "was made before." in system.make("digest", "A=--now")

    def mails() -> list[dict[str, object]]:
        found: list[dict[str, object]] = staff.get("/api/v1/notifications?kind=price_digest")["items"]
        return found if len(found) >= len(buyers) and all(one["state"] == "sent" for one in found) else []

    found = eventually(mails, within_s=30, what="a mail for each")
    people = [one["person_id"] for one in found]
    assert len(set(people)) == len(people)
    assert {buyer.me["id"] for buyer in buyers} <= set(people)
    (mail,) = mailbox.new(to=buyers[0].email, naming="Lo que usted compra")
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert [part.get_content()[:4] for part in pictures] == [b"\x89PNG"]
