"""Forms about stores and people as they were typed: drawn again whole, and merged with what others saved meanwhile."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from werkzeug.datastructures import MultiDict

from orders.domain.directory import only_text
from orders.domain.order import is_id
from orders.entrypoints.pages.reader import gettext as _

WAS, TICKED, SHOWN, ADDED = "was-", "tick-", "shown-", "add-"
YES = "yes"
# More than any field may have, so that one who wrote too much can shorten it instead of finding it cut off.
MAX_TYPED_CHARACTERS = 2_000
MAX_TICKS = 200
MAX_ADDED = 3
MAX_VERSION_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in a form. `was` is what the boxes held when it was first drawn, `shown` what was ticked then.

    Ticks count as differences: taking one off takes that one away, whatever else came or went meanwhile.
    """

    values: Mapping[str, str]
    was: Mapping[str, str]
    ticked: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    added: tuple[str, ...] = ()
    version: int = 0
    saved: Mapping[str, str] = field(default_factory=dict)
    """What somebody else saved meanwhile where one typed something else."""

    @classmethod
    def drawn(cls, values: Mapping[str, str], ticked: Collection[str] = (), version: int = 0) -> "Typed":
        """Fill a form with what is saved."""
        return cls(values, values, frozenset(ticked), frozenset(ticked), version=version)

    @classmethod
    def posted(cls, form: MultiDict[str, str], fields: Collection[str]) -> "Typed":
        """Read a posted form, whatever it holds."""
        added = (form.get(f"{ADDED}{place}", "") for place in range(1, MAX_ADDED + 1))
        return cls(
            values={name: form.get(name, "")[:MAX_TYPED_CHARACTERS] for name in fields},
            was={name: form.get(f"{WAS}{name}", "")[:MAX_TYPED_CHARACTERS] for name in fields},
            ticked=_ids(form, TICKED),
            shown=_ids(form, SHOWN),
            added=tuple(text[:MAX_TYPED_CHARACTERS] for text in added if text.strip()),
            version=_version(form.get("version", "")),
        )

    def wished(self, now: frozenset[str]) -> frozenset[str]:
        """Return who belongs together when the ticks that were changed are applied to what is so now."""
        return (now - (self.shown - self.ticked)) | (self.ticked - self.shown)

    def ticking(self, found: Collection[str], left: tuple[str, ...]) -> "Typed":
        """Tick what was found for the texts typed into the boxes for more; keep those that led nowhere."""
        return replace(self, ticked=self.ticked | frozenset(found), added=left)

    def meeting(self, values: Mapping[str, str], ticked: frozenset[str], version: int) -> "Typed":
        """Merge with what is saved now: what one did not touch is as saved, what both touched is kept and told."""
        mine = {name: typed for name, typed in self.values.items() if _plain(typed) != _plain(self.was[name])}
        both = {
            name: saved
            for name, saved in values.items()
            if name in mine and _plain(saved) not in (_plain(self.was[name]), _plain(mine[name]))
        }
        return Typed({**values, **mine}, values, self.wished(ticked), ticked, self.added, version, both)

    def shown_again(self) -> "Typed":
        """Return the form fit for drawing: without what is no text."""
        return replace(
            self,
            values={name: only_text(text) for name, text in self.values.items()},
            was={name: only_text(text) for name, text in self.was.items()},
            added=tuple(map(only_text, self.added)),
        )

    def told(self) -> dict[str, str]:
        """Say beside each box that both touched what was saved meanwhile."""
        nothing = _("Saved meanwhile: nothing. Save again to keep yours.")
        words = _("Saved meanwhile: %(saved)s. Save again to keep yours.")
        return {name: words % {"saved": saved} if saved else nothing for name, saved in self.saved.items()}


def _plain(text: str) -> str:
    # Browsers send line breaks as CR LF, whatever the page had.
    return text.replace("\r\n", "\n").strip()


def _ids(form: MultiDict[str, str], prefix: str) -> frozenset[str]:
    found = (name.removeprefix(prefix) for name in form if name.startswith(prefix))
    return frozenset([one for one in found if is_id(one)][:MAX_TICKS])


def _version(text: str) -> int:
    # No version is no guess: 0 never is one, so that the form comes back as changed meanwhile.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_VERSION_DIGITS else 0
