"""The account of a file: every row that was read is new, changed, unchanged, an exact double or quarantined."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Accounting:
    """``new + changed + unchanged + exact_doubles + quarantined = rows_read``.

    ``header_rows`` (rows of sections that hold no quotes) are counted beside it and are not in ``rows_read``.
    """

    rows_read: int = 0
    rows_new: int = 0
    rows_changed: int = 0
    rows_unchanged: int = 0
    exact_doubles: int = 0
    rows_quarantined: int = 0
    header_rows: int = 0

    def seen_again(self) -> "Accounting":
        """Return the account of the same bytes met once more: whatever was stored then is unchanged now."""
        return Accounting(
            rows_read=self.rows_read,
            rows_unchanged=self.rows_new + self.rows_changed + self.rows_unchanged,
            exact_doubles=self.exact_doubles,
            rows_quarantined=self.rows_quarantined,
            header_rows=self.header_rows,
        )

    def columns(self) -> dict[str, int]:
        """Return the values by column name; ``report_files`` and ``crawls`` use the same names."""
        return asdict(self)
