"""The series that rows belong to: known from their first row on, with the days between which they have any."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from usda_ingest.storing.copying import copy_in, field
from usda_ingest.storing.described import Series

_NAMES = "series_id, market, commodity, category, variety, package, size, organic, first_on, last_on"
_COPY = f"COPY staged_series ({_NAMES}) FROM STDIN"
_SPELT = "{0}.market, {0}.commodity, {0}.variety, {0}.package, {0}.size"
_KNOW = text(f"""
    INSERT INTO series ({_NAMES}, commodity_key)
    SELECT {_NAMES}, lower(commodity) FROM staged_series
    ON CONFLICT (series_id) DO UPDATE
    SET first_on = least(series.first_on, excluded.first_on), last_on = greatest(series.last_on, excluded.last_on),
        category = CASE WHEN series.category = '' THEN excluded.category ELSE series.category END
    WHERE excluded.first_on < series.first_on OR excluded.last_on > series.last_on
       OR (series.category = '' AND excluded.category <> '')
""")  # noqa: S608 - constants only
_KNOWN = text(f"""
    SELECT known.series_id::text, {_SPELT.format("known")} FROM staged_series JOIN series known USING (series_id)
""")  # noqa: S608 - constants only


def know(connection: Connection, series: Mapping[str, Series]) -> None:
    """Make the series known, or widen their days; one of which nothing is new has no days and is left out."""
    lines = "".join([_line(one) for one in series.values() if one.first_on is not None])
    if not lines:
        return
    copy_in(connection, _COPY, lines)
    for series_id, *names in connection.execute(_KNOWN).all():
        one = series[series_id]
        one.is_known = True
        # Another report may write the same names in capitals: a series keeps the spelling it had first.
        one.market, one.commodity, one.variety, one.package, one.size = names
    connection.execute(_KNOW)


def _line(series: Series) -> str:
    texts = (series.market, series.commodity, series.category, series.variety, series.package, series.size)
    rest = (str(series.organic), f"{series.first_on}", f"{series.last_on}")
    return "\t".join([series.series_id, *map(field, texts), *rest]) + "\n"
