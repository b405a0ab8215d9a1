"""The links by which somebody decides what comes: signed, for one person, without signing in."""

from dataclasses import dataclass, field

from notify.kinds.kind import Kind
from notify.recipients.signing import Signer

PREFERENCES = "preferences"
UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class MailLinks:
    """What stands under one mail; ``unsubscribe`` is empty where its kind cannot be turned off."""

    preferences: str
    unsubscribe: str


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads them."""

    public_url: str
    signer: Signer = field(repr=False)

    def of(self, person_id: str, kind: Kind) -> MailLinks:
        """Return the links of a mail of this kind to this person: the same ones each time."""
        unsubscribe = self.unsubscribe_path(person_id, kind.name) if kind.group.is_optional else ""
        return MailLinks(
            preferences=self.public_url + self.preferences_path(person_id),
            unsubscribe=self.public_url + unsubscribe if unsubscribe else "",
        )

    def preferences_path(self, person_id: str) -> str:
        """Return the path of somebody's page."""
        return f"/mail/preferences/{self.signer.token(PREFERENCES, person_id)}"

    def unsubscribe_path(self, person_id: str, kind: str) -> str:
        """Return the path that ends one kind of mail for one person."""
        return f"/mail/unsubscribe/{self.signer.token(UNSUBSCRIBE, person_id, kind)}"

    def person_of(self, token: str) -> str | None:
        """Return whose page a token opens."""
        match self.signer.parts(PREFERENCES, token):
            case (person_id,):
                return person_id
        return None

    def person_and_kind_of(self, token: str) -> tuple[str, str] | None:
        """Return who ends what by a token."""
        match self.signer.parts(UNSUBSCRIBE, token):
            case (person_id, kind):
                return person_id, kind
        return None


def unsubscribe_headers(links: MailLinks) -> dict[str, str]:
    """Return the headers behind a mail program's own "unsubscribe" (RFC 2369, RFC 8058); none where there is none."""
    if not links.unsubscribe:
        return {}
    return {"List-Unsubscribe": f"<{links.unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
