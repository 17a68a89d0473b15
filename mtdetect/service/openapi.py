"""The OpenAPI document: the messages as msgspec describes them, and a line for every path."""

from __future__ import annotations

from typing import Any

import msgspec

import mtdetect
from mtdetect.service import messages

_REFUSALS = {
    "400": "The body is not JSON in UTF-8.",
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is not declared as JSON, or is compressed.",
    "422": "A field is missing, unknown or out of range.",
    "500": "Unexpected error.",
    "503": "Too much is waiting already; send the request again after the seconds in Retry-After.",
}

_POSTS: dict[str, tuple[str, str, type[Any], type[Any]]] = {
    "/v1/score": ("score", "Score one text.", messages.ScoreRequest, messages.ScoreAnswer),
    "/v1/score/batch": ("scoreBatch", "Score many texts.", messages.ScoreBatchRequest, messages.ScoreBatchAnswer),
    "/v1/gate": ("gate", "Pass, review or reject one text.", messages.GateRequest, messages.GateAnswer),
    "/v1/gate/batch": (
        "gateBatch",
        "Pass, review or reject many texts.",
        messages.GateBatchRequest,
        messages.GateBatchAnswer,
    ),
    "/v1/check": ("check", "Look at a document sentence by sentence.", messages.CheckRequest, messages.CheckAnswer),
}

_GETS: dict[str, tuple[str, str, type[Any]]] = {
    "/v1/model": ("model", "The model and its thresholds by budget.", messages.ModelAnswer),
    "/health": ("health", "Whether the process answers.", messages.StateAnswer),
    "/ready": ("ready", "Whether requests are taken.", messages.StateAnswer),
}


def openapi(rates: list[float]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a service.

    Args:
        rates: false-positive rates that the model has figures for, ascending.
    """
    kinds = [kind for _, _, *pair in _POSTS.values() for kind in pair]
    kinds += [kind for _, _, kind in _GETS.values()] + [messages.ErrorAnswer]
    _, schemas = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        for name in ("false_positive_rate", "review_rate"):
            rate = schema.get("properties", {}).get(name, {})
            for kind in (rate, *rate.get("anyOf", ())):
                if "exclusiveMinimum" in kind:
                    del kind["exclusiveMinimum"]
                    kind["minimum"], kind["maximum"] = rates[0], rates[-1]
    paths: dict[str, Any] = {
        path: {
            "post": {
                "operationId": name,
                "summary": summary,
                "requestBody": {"required": True, "content": _content(request)},
                "responses": {"200": {"description": "Done.", "content": _content(answer)}, **_refusals(_REFUSALS)},
            }
        }
        for path, (name, summary, request, answer) in _POSTS.items()
    }
    for path, (name, summary, answer) in _GETS.items():
        responses: dict[str, Any] = {"200": {"description": "Done.", "content": _content(answer)}}
        if path == "/ready":
            responses |= _refusals({"503": "The service is stopping."})
        paths[path] = {"get": {"operationId": name, "summary": summary, "responses": responses}}
    text = {"schema": {"type": "string"}}
    for path, name, summary, content in (
        ("/metrics", "metrics", "Metrics in the form that Prometheus reads.", {"text/plain": text}),
        ("/openapi.json", "openapi", "This document.", {"application/json": {"schema": {"type": "object"}}}),
    ):
        responses = {"200": {"description": "Done.", "content": content}}
        paths[path] = {"get": {"operationId": name, "summary": summary, "responses": responses}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mtdetect",
            "version": mtdetect.__version__,
            "description": "Finds machine-translation artifacts in English.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _content(kind: type[Any]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}


def _refusals(descriptions: dict[str, str]) -> dict[str, Any]:
    refusals: dict[str, Any] = {}
    for status, description in descriptions.items():
        refusals[status] = {"description": description, "content": _content(messages.ErrorAnswer)}
        if status == "503":
            refusals[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return refusals
