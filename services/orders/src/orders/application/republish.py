"""Telling the current state again, for readers that are new or older than the streams."""

from orders.application import facts
from orders.application.clock import tell_opening
from orders.application.ports import Transactions, UnitOfWork


def republish(transactions: Transactions, time_zone: str) -> dict[str, int]:
    """Write contacts, stores and open cycles to the outbox; return how many of each.

    Readers must take it as the same news again: contacts by version, offers by version, cycles by state. Each cycle is
    a transaction of its own; stock that moves meanwhile publishes a later version.
    """

    def people(work: UnitOfWork) -> dict[str, int]:
        contacts, stores = work.people.contacts(), work.people.stores()
        for contact in contacts:
            work.publish(facts.contact_changed(contact, time_zone))
        for store in stores:
            work.publish(facts.store_changed(store))
        return {"contacts": len(contacts), "stores": len(stores)}

    def cycles(work: UnitOfWork) -> int:
        open_ones = work.cycles.open_ones()
        for cycle in open_ones:
            tell_opening(cycle, work, republished=True)
        return len(open_ones)

    return {**transactions.run(people), "cycles": transactions.run(cycles)}
