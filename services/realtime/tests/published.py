"""The AsyncAPI document, as a judge of frames."""

import json
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

SOURCE = Path(__file__).parents[1] / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = json.loads(json.dumps(yaml.safe_load(SOURCE.read_text())))


def closed(node: Any) -> Any:
    """Return the document with no room for what it does not name."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: closed(value) for key, value in node.items()}
    is_open = node.get("type") == "object" and node.get("properties")
    return {**inner, "additionalProperties": False} if is_open else inner


_REGISTRY: Registry[Any] = Registry().with_resource("urn:asyncapi", DRAFT7.create_resource(closed(DOCUMENT)))


def judge(schema: str) -> Draft7Validator:
    """Return what checks a frame against one of the document's schemas, strictly."""
    reference = {"$ref": f"urn:asyncapi#/components/schemas/{schema}"}
    return Draft7Validator(reference, registry=_REGISTRY, format_checker=FormatChecker())


_TOLD = {
    "welcome": "Welcome",
    "sub": "Subscribed",
    "b": "Batch",
    "ping": "Ping",
    "drain": "Drain",
    "err": "Error",
}


def check_told(frame: dict[str, Any]) -> None:
    """Fail unless the frame is one that the document says a client is told."""
    (schema,) = {_TOLD[key] for key in frame if key in _TOLD}
    judge(schema).validate(frame)
