"""Schemathesis asks the API for everything its document allows, and for much that it does not.

What must hold for every generated call: no 5xx, a status and a content type that the document names, a body that fits
its schema, and a refusal of what the document rules out; whoever asks.
"""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from mercadito_events.testing.exploring import EXPLORING, examples
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from orders.domain.people import Role

EXAMPLES = examples(8, exploring=100)
SEED = None if EXPLORING else 3
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "allow_header_conformance",
)
ENDS_THE_SIGN_IN = ("/tokens/current",)


@pytest.fixture(scope="module")
def document(app: Any) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


def complaints(document: Any, token: str | None, mode: GenerationMode) -> list[str]:
    """Call every operation with generated data; return what did not hold, an operation each."""
    found = []
    for result in document.get_all_operations():
        operation = result.ok()
        if operation.path.endswith(ENDS_THE_SIGN_IN):
            continue
        try:
            _examine(operation, token, mode)
        except Unsatisfiable:
            # Nothing in it can be wrong: no body, no parameter but an id in the address.
            assert mode is GenerationMode.NEGATIVE, operation.path
        except (Exception, BaseExceptionGroup) as failure:  # noqa: BLE001 - groups of failed checks, one list of them in the end
            found.append(f"{operation.method.upper()} {operation.path}: {_told(failure)}")
    return found


def _told(failure: BaseException) -> str:
    if isinstance(failure, BaseExceptionGroup):
        return " / ".join(_told(inner) for inner in failure.exceptions)
    return f"{type(failure).__name__}: {str(failure)[:1500]}"


def _examine(operation: Any, token: str | None, mode: GenerationMode) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if token is None and case.headers:
            case.headers.pop("Authorization", None)
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS.get_by_names(list(CHECKED)))

    ask()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("role", [None, Role.BUYER, Role.ADMIN], ids=lambda role: role or "nobody")
def test_the_api_does_what_its_document_says(
    world: Any, document: Any, sign_in: Callable[..., Any], role: Role | None, mode: GenerationMode
) -> None:
    cycle = world.cycle()
    world.offer(cycle)
    token = None if role is None else sign_in(world.person(role, [world.store()])).token
    assert complaints(document, token, mode) == []
