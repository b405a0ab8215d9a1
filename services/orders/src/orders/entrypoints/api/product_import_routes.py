"""Products as a file: taken in with a preview, given out as what is taken in."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import UnsupportedMediaType

from orders.application.commands import Answer
from orders.application.product_import import MAX_ERRORS_TOLD, Plan
from orders.application.product_sheet import MAX_SHEET_BYTES, write_sheet
from orders.application.product_text import written
from orders.domain.errors import FieldError, Invalid
from orders.entrypoints.api.operations import IDEMPOTENCY_KEY, Parameter, operation
from orders.entrypoints.api.product_bodies import ImportErrorOut, ImportOut, ImportRowOut
from orders.entrypoints.api.product_routes import FILTERS, wanted
from orders.entrypoints.idempotency import request_key, respond
from orders.entrypoints.identity import caller, container

MAX_ROWS_TOLD = 200
FILE_NAME = "products.csv"
_MEDIA_TYPES = ("text/csv", "text/tab-separated-values", "text/plain", "application/csv", "application/vnd.ms-excel")
_BOOLEAN = {"type": "boolean", "default": False}
_DRY_RUN = Parameter("dry_run", "query", "tell what the file would do and write nothing", schema=_BOOLEAN)
_PARTIAL = Parameter("partial", "query", "take the good rows and leave the others", schema=_BOOLEAN)
_PLAN = Parameter("If-Match", "header", "the ETag of a dry run: refuse if the file would do something else by now")
_BOM = Parameter("bom", "query", "begin with a BOM, as Excel needs it", schema=_BOOLEAN)


def register(blueprint: Blueprint) -> None:
    """Add the routes."""
    blueprint.post("/products/import")(import_products)
    blueprint.get("/products.csv")(export_products)


@operation(
    "Make and change products by a CSV file, matched by id or by name and pack; all or nothing unless `partial`",
    answers={200: ImportOut},
    problems={
        409: ("idempotency-key-in-flight",),
        412: ("version-conflict",),
        422: ("invalid", "idempotency-key-reused"),
    },
    parameters=(_DRY_RUN, _PARTIAL, _PLAN, IDEMPOTENCY_KEY),
    upload="text/csv",
)
def import_products() -> Response:
    """Take a file over, or say what it would do."""
    actor = caller().actor
    actor.require_staff()
    # The one route whose body is a file.
    request.max_content_length = MAX_SHEET_BYTES
    if request.mimetype not in _MEDIA_TYPES:
        raise UnsupportedMediaType("send text/csv")
    once = request_key(actor, required=False)
    body = request.get_data()
    if _flag("dry_run"):
        return respond(_told(container().imports.preview(actor, body), dry_run=True))
    return respond(
        container().imports.run(
            actor,
            body,
            lambda plan: _told(plan, dry_run=False),
            partial=_flag("partial"),
            expected=_expected_plan(),
            once=once,
        )
    )


@operation(
    "Products as CSV, as the import takes them",
    answers={200: None},
    problems={422: ("invalid",)},
    parameters=(*FILTERS, _BOM),
)
def export_products() -> Response:
    """Write the products that fit."""
    products = container().catalogue.every(caller().actor, wanted())
    rows = ({"id": stored.id, **written(stored.product)} for stored in products)
    body = "".join(write_sheet(rows, with_bom=_flag("bom")))
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return Response(body, headers=headers, content_type="text/csv; charset=utf-8")


def _told(plan: Plan, *, dry_run: bool) -> Answer:
    body = ImportOut(
        dry_run=dry_run,
        new=plan.counts["new"],
        changed=plan.counts["changed"],
        unchanged=plan.counts["unchanged"],
        faulty=plan.faulty_rows,
        rows=[ImportRowOut.of(row) for row in (*plan.new, *plan.changed)[:MAX_ROWS_TOLD]],
        errors=[ImportErrorOut.of(fault) for fault in plan.faults[:MAX_ERRORS_TOLD]],
    )
    headers = (("ETag", f'"{plan.fingerprint}"'),) if dry_run else ()
    return Answer(200, body.model_dump_json(), headers)


def _expected_plan() -> str | None:
    tags = request.if_match.as_set(include_weak=True)
    return tags.pop() if len(tags) == 1 and not request.if_match.star_tag else None


def _flag(name: str) -> bool:
    given = request.args.get(name, "false")
    if given not in ("true", "false", ""):
        raise Invalid(FieldError(name, "true or false"))
    return given == "true"
