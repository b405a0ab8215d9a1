"""Rows into stores and people."""

from typing import Any

from sqlalchemy import Row

from orders.application.directory_views import Entry, Noted, PersonCard, PersonName, PersonState, StoreCard, StoreName
from orders.domain.directory import Person
from orders.domain.people import Role


def store_card(row: Row[Any]) -> StoreCard:
    return StoreCard(
        id=str(row.id),
        name=row.name,
        route=row.route,
        stop=row.stop,
        phone=row.phone,
        address=row.address,
        active=row.active,
        wants_reminder=row.wants_reminder,
        version=row.version,
        people=tuple(PersonName(id_, name, email, Role(role), active) for id_, name, email, role, active in row.people),
    )


def person_card(row: Row[Any]) -> PersonCard:
    return PersonCard(
        id=str(row.id),
        name=row.name,
        email=row.email,
        locale=row.locale,
        role=Role(row.role),
        state=PersonState(row.state),
        invited_until=row.invited_until if row.state == PersonState.INVITED else None,
        version=row.version,
        created_at=row.created_at,
        stores=tuple(StoreName(store_id, name, active) for store_id, name, active in row.stores),
    )


def person(row: Row[Any], stores: frozenset[str] = frozenset()) -> Person:
    return Person(
        id=str(row.id),
        name=row.name,
        email=row.email,
        locale=row.locale,
        role=Role(row.role),
        active=row.active,
        version=row.version,
        has_password=row.has_password,
        stores=stores,
    )


def person_name(row: Row[Any]) -> PersonName:
    return PersonName(str(row.id), row.name, row.email, Role(row.role), row.active)


def store_name(row: Row[Any]) -> StoreName:
    return StoreName(str(row.id), row.name, row.active)


def entry(row: Row[Any]) -> Entry:
    changes = (Noted(each["field"], each.get("old"), each.get("new")) for each in row.changes)
    return Entry(row.at, row.action, row.actor_name, tuple(changes))
