"""The old portal, after what its readers rely on (reference, 3): navigation, report pages, three kinds of export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from html import escape
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from usda_site.site import Site, answer, content

_TEXT = """Commodity Name,City Name,Type,Package,Variety,Sub Variety,Grade,Date,Low Price,High Price,Mostly Low,
Mostly High,Origin,Origin District,Item Size,Color,Environment,Unit of Sale,Quality,Condition,Appearance,Storage,Crop,
Repack,Trans Mode"""
_XML = """commName cityName organic packageDesc varietyName subvarName gradeDesc reportDate lowPriceMin highPriceMax
mostlyLowMin mostlyHighMax originName districtName itemSizeDesc color envDesc unitSale quality condition
appearance storage crop rePack transmode offerings marketTone priceComment comment"""
TEXT = _TEXT.replace("\n", "").split(",")
EXCEL = [*TEXT, "Offerings", "Market Tone", "Price Comment", "Comments"]
XML = _XML.split()
_PAGE = "<!doctype html><html><head><title>Market News</title></head><body>{}</body></html>"


@dataclass
class Commodity:
    """A commodity of the navigation, with its rows and what its report page exports."""

    code: str
    name: str
    class_: str = "FRUITS"
    exports: tuple[str, ...] = ("text", "excel", "xml")
    rows: list[dict[str, str]] = field(default_factory=list)


@dataclass
class PortalSite:
    """The portal under ``/mnp/`` of a site."""

    site: Site
    commodities: list[Commodity] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.site.url}/mnp/"

    def open(self) -> None:
        """Serve navigation, report pages and exports."""
        self.site.routes["/mnp/fv-nav-byCom"] = self.navigation
        self.site.routes["/mnp/fv-report-top-filters"] = self.report

    def sell(self, code: str, name: str, *rows: Mapping[str, str], **about: object) -> Commodity:
        """Add a commodity with rows over the defaults."""
        commodity = Commodity(code, name, **about)  # type: ignore[arg-type]
        defaults = {"Commodity Name": name, "City Name": "LOS ANGELES", "Package": "cartons", "Origin": "CALIFORNIA"}
        defaults |= {"Low Price": "20.00", "High Price": "22.00", "Repack": "N"}
        commodity.rows = [{**defaults, **row} for row in rows]
        self.commodities.append(commodity)
        return commodity

    def navigation(self, handler: BaseHTTPRequestHandler) -> None:
        """List the commodities of a class, with blanks in the addresses as the portal has them."""
        class_ = fields(handler)["navClass"]
        links = "".join(
            f'<li><a href="fv-nav-report?&amp;commAbr={found.code}&amp;commName={escape(found.name)}'
            f'&amp;navType=byComm&amp;navClass={class_}&amp;className={class_}&amp;locAbr="> {found.name} </a></li>'
            for found in self.commodities
            if found.class_ == class_
        )
        other = (
            '<div class="menu"><a href="fv-nav-report?&commAbr=NOT&commName=MENU">Menu</a><a href="fv-help-04">Help</a>'
        )
        html = _PAGE.format(f'{other}</div><div class="rptNavList"><ul>{links}</ul></div>')
        content(handler, html.encode(), "text/html; charset=UTF-8")

    def report(self, handler: BaseHTTPRequestHandler) -> None:
        """Draw a report page, or export what it shows."""
        asked = fields(handler)
        commodity = next(found for found in self.commodities if found.code == asked["commAbr"])
        rows = [row for row in commodity.rows if _day(asked["repDate"]) <= _day(row["Date"]) <= _day(asked["endDate"])]
        if asked["type"] != "termPrice" or asked["repType"] != "termPriceDaily" or asked["locAbr"] not in ("", "HC"):
            answer(handler, 400, b"what?", {})
        elif "format" in asked:
            body, type_ = export(asked["format"], rows)
            content(handler, body, type_, validators=False)  # the portal gives its addresses with a query none
        else:
            content(handler, _report_page(asked, commodity, rows), "text/html; charset=ISO-8859-1", validators=False)


def fields(handler: BaseHTTPRequestHandler) -> dict[str, str]:
    """Return the fields of the question."""
    return dict(parse_qsl(urlsplit(handler.path).query, keep_blank_values=True))


def export(format_: str, rows: Sequence[Mapping[str, str]]) -> tuple[bytes, str]:
    """Return rows as the portal exports them."""
    if format_ == "text":
        lines = [",".join(TEXT), *(",".join(_quoted(row.get(name, "")) for name in TEXT) for row in rows)]
        return "\r\n".join(lines).encode(), "text/plain"
    if format_ == "excel":
        head = "".join(f"<th>{name}</th>" for name in EXCEL)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(row.get(name, ''))}</td>" for name in EXCEL) + "</tr>" for row in rows
        )
        return f"<table border=1><tr>{head}</tr>{body}</table>".encode(), "application/vnd.ms-excel"
    body = "".join(
        "<row>"
        + "".join(f"<{tag}>{escape(row.get(name, ''))}</{tag}>" for tag, name in zip(XML, EXCEL, strict=True))
        + "</row>"
        for row in rows
    )
    return f'<?xml version="1.0" encoding="ISO-8859-1"?><report>{body}</report>'.encode("latin-1"), "text/xml"


def _report_page(asked: Mapping[str, str], commodity: Commodity, rows: Sequence[Mapping[str, str]]) -> bytes:
    if not rows:
        return _PAGE.format("<p>No Data Available for the selected report.</p>").encode()
    query = "&amp;".join(f"{name}={escape(value).replace('/', '%2F')}" for name, value in asked.items())
    names = {"text": "Text", "excel": "Excel", "xml": "XML"}
    links = "".join(
        f'<a href="?{query}&amp;format={kind}&amp;rebuild=false"><img alt=""> {names[kind]} </a>'
        for kind in commodity.exports
    )
    return _PAGE.format(f'<a href="/mnp/fv-home">Home\xa0</a><div class="reportTools">{links}</div>').encode(
        "latin-1", "xmlcharrefreplace"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\n') else text


def _day(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()  # noqa: DTZ007 - a day has no zone
