"""Rules of who gets a kind of mail that several kinds share; a kind with a rule of its own has it in its folder."""

from typing import Protocol

from sqlalchemy import Connection

from notify.recipients import contacts
from notify.recipients.contacts import Contact


class OfPerson(Protocol):
    """What a mail to one person is about."""

    @property
    def person_id(self) -> str:
        """Return who it is about."""


def to_admins(connection: Connection, _: object) -> list[Contact]:
    """To those who run the hub's system."""
    return contacts.admins(connection)


def to_staff(connection: Connection, _: object) -> list[Contact]:
    """To everyone who works at the hub."""
    return contacts.staff(connection)


def to_buyers(connection: Connection, _: object) -> list[Contact]:
    """To the people of all stores."""
    return contacts.buyers(connection)


def to_person(connection: Connection, about: OfPerson) -> list[Contact]:
    """To the one whom it is about; nobody, while that person is not known or no longer active."""
    person = contacts.active_person(connection, about.person_id)
    return [] if person is None else [person]
