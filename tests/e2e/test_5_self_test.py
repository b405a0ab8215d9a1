"""What an operator learns of the way of a mail from the running system."""

from tests.driver.system import System


def test_the_way_of_a_mail_is_checked_with_one_command(system: System) -> None:
    lines = system.self_test()
    assert "✓ database: answers" in lines
    assert "✓ queue: flows" in lines
    assert any(line.startswith("✓ relay primary, sender: takes mail from orders@mercadito.example") for line in lines)
    # No DNS knows that domain, or none answers here: either is told, with what to do.
    (spf,) = [line for line in lines if line[2:].startswith("SPF: ")]
    assert spf.startswith("✗")
    assert " → " in spf
