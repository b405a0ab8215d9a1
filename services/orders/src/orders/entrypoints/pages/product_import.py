"""Products from a file: sent, looked at, taken over. What was sent is kept in between, so nothing is sent twice."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from orders.application.commands import Answer
from orders.application.product_import import MAX_FILE_NAME_CHARACTERS, ImportRefused, Plan, PlanChanged, PlannedRow
from orders.application.product_sheet import MAX_ROWS, MAX_SHEET_BYTES
from orders.application.products import differences
from orders.application.queries import Change
from orders.domain import errors
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import container
from orders.entrypoints.pages import product_words as words
from orders.entrypoints.pages.csrf import ForgedForm
from orders.entrypoints.pages.fields import without_controls
from orders.entrypoints.pages.products import staff
from orders.entrypoints.pages.reader import gettext as _
from orders.entrypoints.pages.reader import private
from orders.entrypoints.pages.refusals import PRECONDITION_FAILED, UNPROCESSABLE, Refusal
from orders.entrypoints.pages.site import site

FORM_OVERHEAD_BYTES = 100_000
MAX_TEXT_SHOWN = 100_000
MAX_FAULTS_SHOWN = 200
MAX_ROWS_SHOWN = 100
MEGABYTE = 1_000_000
MAX_COUNT_DIGITS = 6

blueprint = Blueprint("product_import", __name__)


@dataclass(frozen=True, slots=True)
class Done:
    """What a file did, as the address of the page after it says."""

    new: int
    changed: int
    unchanged: int
    faulty: int

    @classmethod
    def read(cls, text: str) -> "Done | None":
        parts = text.split("-")
        if len(parts) != len(cls.__slots__) or not all(part.isascii() and part.isdigit() for part in parts):
            return None
        return cls(*(int(part[:MAX_COUNT_DIGITS]) for part in parts))


@blueprint.get("/staff/products/import")
@private
def form() -> Response:
    """Show the form, and what the last file did."""
    staff()
    return _form(done=Done.read(request.args.get("done", "")))


@blueprint.post("/staff/products/import")
@private
def send() -> AnyResponse:
    """Keep the file and go on to what it would do."""
    actor = staff()
    request.max_content_length = request.max_form_memory_size = MAX_SHEET_BYTES + FORM_OVERHEAD_BYTES
    name, body, typed = _sent()
    try:
        site().forms.require()
    except ForgedForm:
        return _form(words.forged(), typed=typed)
    if not body:
        return _form(Refusal(UNPROCESSABLE, _("Choose a file, or paste the cells.")))
    if len(body) > MAX_SHEET_BYTES:
        return _form(
            Refusal(UNPROCESSABLE, _("The file is too large."), _("Split it, and send one part after another."))
        )
    return redirect(f"/staff/products/import/{container().imports.upload(actor, name, body)}", 303)


@blueprint.get("/staff/products/import/<uuid:upload_id>")
@private
def preview(upload_id: UUID) -> Response:
    """Show what the file would do."""
    return _preview(upload_id)


@blueprint.post("/staff/products/import/<uuid:upload_id>")
@private
def take_over(upload_id: UUID) -> Response:
    """Do what was looked at, or show what it would do by now."""
    actor = staff()
    once = request_key(actor, required=False)
    upload = container().imports.uploaded(actor, str(upload_id))
    try:
        site().forms.require()
        return respond(
            container().imports.run(
                actor,
                upload.body,
                _gone,
                partial=request.form.get("partial") == "yes",
                expected=request.form.get("plan", ""),
                once=once,
            )
        )
    except ForgedForm:
        return _preview(upload_id, words.forged())
    except PlanChanged:
        title = _("The products have changed since you looked at this.")
        text = _("Nothing was saved yet. Below is what the file would do now.")
        return _preview(upload_id, Refusal(PRECONDITION_FAILED, title, text))
    except ImportRefused:
        return _preview(upload_id, Refusal(UNPROCESSABLE, _("Some lines need a look."), _("Nothing was saved yet.")))
    except (errors.KeyInFlight, errors.KeyReused) as refused:
        refusal = words.sent_before(refused)
        if refusal is None:
            raise
        return _preview(upload_id, refusal)


def _sent() -> tuple[str, bytes, str]:
    """Return name and content of what was sent, the file before the text, and the text as it was pasted."""
    file, text = request.files.get("file"), request.form.get("text", "")
    if file is not None and file.filename:
        name = "".join(character for character in file.filename if character.isprintable())
        return name[:MAX_FILE_NAME_CHARACTERS], file.read(), text
    return "", text.encode() if text.strip() else b"", text


def _gone(plan: Plan) -> Answer:
    counts = (plan.counts["new"], plan.counts["changed"], plan.counts["unchanged"], plan.faulty_rows)
    return Answer(303, "", (("Location", f"/staff/products/import?done={'-'.join(map(str, counts))}"),))


def _form(refusal: Refusal | None = None, *, typed: str = "", done: Done | None = None) -> Response:
    body = render_template(
        "pages/product_import.html",
        refusal=refusal,
        typed=typed,
        done=done,
        bounds={"mb": MAX_SHEET_BYTES // MEGABYTE, "rows": MAX_ROWS},
        columns=_columns(),
        here="products",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")


def _preview(upload_id: UUID, refusal: Refusal | None = None) -> Response:
    actor = staff()
    upload = container().imports.uploaded(actor, str(upload_id))
    plan = container().imports.preview(actor, upload.body)
    body = render_template(
        "pages/product_import_preview.html",
        upload=upload,
        plan=plan,
        faults=plan.faults[:MAX_FAULTS_SHOWN],
        shown=MAX_ROWS_SHOWN,
        sentence=words.sentence,
        said_of=_said_of,
        text=_correctable(upload.body),
        refusal=refusal,
        key=str(uuid4()),
        here="products",
    )
    return Response(body, refusal.status if refusal else 200, mimetype="text/html")


def _said_of(row: PlannedRow) -> Iterable[str]:
    """Say each change of a row."""
    if row.before is None:
        return ()
    changes = differences(row.before.product, row.after.product)
    return [words.change_said(Change(str(one["field"]), one["old"], one["new"])) for one in changes]  # type: ignore[arg-type]


def _correctable(body: bytes) -> str | None:
    """Return a file that is short enough to be corrected on the page."""
    if len(body) > MAX_TEXT_SHOWN:
        return None
    try:
        return without_controls(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return None


def _columns() -> Iterable[tuple[str, str]]:
    return (
        ("id", _("Says which product is meant. Without it, name and pack do.")),
        ("name", _("In English.")),
        ("name_es", _("In Spanish.")),
        ("category", _("The heading it stands under.")),
        ("pack", _("As stores get it: “40 lb cartons, 48s”.")),
        ("series_id", _("The market series its price follows. Empty: none.")),
        ("units_per_package", _("How many you sell of one package of the market. Empty: 1.")),
        ("yield_percent", _("The share that can be sold: 95, or 95%%. Empty: 100.") % {}),
        ("markup_percent", _("What is added: 12, or 12%%. Empty: 0.") % {}),
        ("floor", _("The lowest price in dollars: 12.50. Empty: none.")),
        ("ceiling", _("The highest price in dollars. Empty: none.")),
        ("case_size", _("How many the market sells at once. Empty: one by one.")),
        ("active", _("yes or no: whether it can be offered. Empty: yes.")),
    )
