from notify.kinds import kinds
from notify.kinds.kind import Group

# Whoever asks for a link waits before the screen, and whoever orders looks for the answer.
AT_ONCE = (Group.SECURITY, Group.ORDERS)


def test_what_belongs_to_an_account_or_an_order_can_be_turned_off_by_nobody() -> None:
    assert [group for group in Group if not group.is_optional] == [Group.SECURITY, Group.ORDERS]


def test_nothing_about_an_account_or_an_order_is_held_through_the_night() -> None:
    assert [kind.name for kind in kinds().values() if kind.can_wait and kind.group in AT_ONCE] == []


def test_a_kind_is_of_the_class_its_folder_says() -> None:
    found = {kind.name: kind.group for kind in kinds().values()}
    assert found["password_reset"] is found["invitation"] is found["password_changed"] is Group.SECURITY
    assert found["order_confirmation"] is found["order_changed"] is found["order_cancelled"] is Group.ORDERS
