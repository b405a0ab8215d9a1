"""What can be refused about a person's own account; more of the tree in `orders.domain.errors`.

Refused
├── OtpRequired            the password is right; a code of the second factor is needed as well
├── WrongCode              the code is wrong, was used already, or is of another time
├── LinkOver               a one-time link was used, has expired, or never was one
├── NotEnrolled            there is no second factor to confirm or to switch off
└── Invalid
    ├── NotAnAdmin         who shall be invited as the first admin is here as somebody else
    └── WrongPassword      the current password, asked for once more, is not this
"""

from orders.domain.errors import FieldError, Invalid, Refused


class OtpRequired(Refused):
    """`person_id` and `stamp` (of the password that was right) let the second step go on without asking again."""

    def __init__(self, person_id: str, stamp: str) -> None:
        super().__init__("a code of the second factor is needed: send it as X-OTP")
        self.person_id = person_id
        self.stamp = stamp


class WrongCode(Refused):
    pass


class LinkOver(Refused):
    pass


class NotEnrolled(Refused):
    pass


class NotAnAdmin(Invalid):
    def __init__(self, email: str) -> None:
        super().__init__(FieldError("email", f"{email} is here already, but not as an active admin"))


class WrongPassword(Invalid):
    def __init__(self, field: str = "current_password") -> None:
        super().__init__(FieldError(field, "this is not your password"))
