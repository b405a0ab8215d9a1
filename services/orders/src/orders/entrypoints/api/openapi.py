"""The OpenAPI 3.1 document, made from the routes and the models they name."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

import orders
from orders.entrypoints.api.operations import IDEMPOTENCY_KEY, Operation, Parameter, operation_of
from orders.entrypoints.api.response_bodies import ProblemOut

_PATH_PARAMETER = re.compile(r"<uuid:(\w+)>")
_EVERYWHERE: dict[int, tuple[str, ...]] = {503: ("unavailable",), 500: ("internal",)}
_OF_SIGNED_IN: dict[int, tuple[str, ...]] = {401: ("unauthenticated",), 403: ("forbidden",)}
_OF_KEYS: dict[int, tuple[str, ...]] = {
    400: ("idempotency-key-missing",),
    409: ("idempotency-key-in-flight",),
    422: ("idempotency-key-reused",),
}
_OF_BODIES: dict[int, tuple[str, ...]] = {413: ("too-large",), 415: ("unsupported-media-type",)}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "signed-in": [{"token": []}, {"session": []}],
    "session": [{"session": []}],
    "password": [{"password": []}],
    "public": [],
}


def document(app: Flask, blueprint_name: str) -> dict[str, Any]:
    """Describe every route of the blueprint."""
    described = list(_operations(app, blueprint_name))
    models: set[type[BaseModel]] = {ProblemOut, *(model for _, _, one in described for model in _models(one))}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, schemas = models_json_schema(
        [(model, "serialization" if model is ProblemOut else "validation") for model in ordered],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, one in described:
        path = _PATH_PARAMETER.sub(r"{\1}", rule.rule)
        paths.setdefault(path, {})[method.lower()] = _describe(rule, method, one)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Mercadito orders", "version": orders.__version__},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {"type": "apiKey", "in": "cookie", "name": "mercadito_session"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _operations(app: Flask, blueprint_name: str) -> Iterator[tuple[Rule, str, Operation]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{blueprint_name}."):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield rule, method, operation_of(app.view_functions[rule.endpoint])


def _models(one: Operation) -> Iterator[type[BaseModel]]:
    yield from (model for model in (one.body, *one.answers.values()) if model is not None)


def _describe(rule: Rule, method: str, one: Operation) -> dict[str, Any]:
    path_parameters = (
        Parameter(name, "path", "", required=True, schema={"type": "string", "format": "uuid"})
        for name in _PATH_PARAMETER.findall(rule.rule)
    )
    parameters = [*path_parameters, *one.parameters]
    described: dict[str, Any] = {
        "operationId": f"{rule.endpoint.rsplit('.', 1)[-1]}_{method.lower()}",
        "summary": one.summary,
        "security": _SECURITY[one.security],
        "responses": {str(status): answer for status, answer in sorted(_answers(one).items())},
    }
    if parameters:
        described["parameters"] = [_parameter(parameter) for parameter in parameters]
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": _reference(one.body)}}
    if one.upload is not None:
        described["requestBody"] = {"required": True, "content": {one.upload: {"schema": {"type": "string"}}}}
    return described


def _answers(one: Operation) -> dict[int, dict[str, Any]]:
    answers: dict[int, dict[str, Any]] = {}
    for status, model in one.answers.items():
        content = {} if model is None else {"content": {"application/json": _reference(model)}}
        answers[status] = {"description": HTTPStatus(status).phrase, **content}
    for status, slugs in _problems(one).items():
        answers[status] = {
            "description": ", ".join(slugs),
            "content": {"application/problem+json": _reference(ProblemOut)},
        }
    return answers


def _problems(one: Operation) -> dict[int, tuple[str, ...]]:
    guarded = {} if one.security == "public" else _OF_SIGNED_IN
    bodied = {} if one.body is None and one.upload is None else _OF_BODIES
    keyed = _OF_KEYS if IDEMPOTENCY_KEY in one.parameters else {}
    found: dict[int, tuple[str, ...]] = {}
    for part in (_EVERYWHERE, guarded, bodied, keyed, one.problems):
        for status, slugs in part.items():
            found[status] = (*found.get(status, ()), *(slug for slug in slugs if slug not in found.get(status, ())))
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.description,
        "required": parameter.required,
        "schema": dict(parameter.schema),
    }


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
