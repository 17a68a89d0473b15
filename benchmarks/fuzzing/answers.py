"""What is promised of the answers of the service: documented, whole, and with the scores of the library."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

import msgspec
import numpy as np

from fuzzing.live import SETTINGS, Exchange
from fuzzing.promises import LostRowError, detector, promise
from mtdetect.gate import Gate, Policy
from mtdetect.service import messages
from mtdetect.service.openapi import openapi
from mtdetect.service.page import page_routes
from mtdetect.service.scorers import Scorers


@cache
def known() -> dict[str, dict[str, dict[str, Any]]]:
    """Return what the OpenAPI document says: path, method, status, and the type of the answer where it is JSON."""
    paths: dict[str, dict[str, dict[str, Any]]] = {}
    for path, methods in openapi(Scorers(detector(), Policy()).rates)["paths"].items():
        for method, operation in methods.items():
            answers = paths.setdefault(path, {}).setdefault(method.upper(), {})
            for status, response in operation["responses"].items():
                schema = response.get("content", {}).get("application/json", {}).get("schema", {})
                reference = schema.get("$ref", "").rpartition("/")[2]
                answers[status] = getattr(messages, reference) if reference else None
    for route in page_routes():
        paths[route.path] = {"GET": {"200": None}}
    return paths


def check_exchange(exchange: Exchange) -> None:
    """Check an answer: known to the OpenAPI document, whole, and with the library's scores."""
    promise(exchange.over, "a request comes to an end")
    if exchange.gone and exchange.start is None:
        return
    promise(exchange.start is not None and exchange.answered, "a request is answered")
    assert exchange.start is not None
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.start["headers"]}
    method, path = exchange.scope["method"], exchange.scope["path"].removesuffix("\n")
    promise(headers.get("content-length") == str(len(exchange.answer)), "an answer is as long as it says")
    status = exchange.start["status"]
    check_answer(method, path, status, headers, bytes(exchange.answer))
    promise(status != 408 or not exchange.whole, "only who is slow is told so")
    large = len(exchange.asked) > SETTINGS.request_bytes
    promise(not large or status not in (200, 400, 422), "what is too large is refused as it is")
    if status == 200 and method == "POST":
        check_results(path, json.loads(exchange.asked), json.loads(exchange.answer))


def check_answer(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Check that this answer to this request is one of the documented ones; HEAD is answered like GET."""
    methods = known().get(path)
    answers = (methods or {}).get("GET" if method == "HEAD" else method)
    if answers is None:
        promise(status == (404 if methods is None else 405), f"no such path or method, and no {status}")
        promise(methods is None or "allow" in headers, "what works instead is told")
        kind: Any = messages.ErrorAnswer
    else:
        promise(str(status) in answers and status != 500, f"the status is documented, and not {status}")
        kind = answers[str(status)]
    if kind is None:
        return
    promise(headers.get("content-type") == "application/json", "an answer is declared as JSON")
    value = msgspec.json.decode(body, type=kind)
    if isinstance(value, messages.ErrorAnswer):
        check_refusal(status, headers, body)


def check_refusal(status: int, headers: dict[str, str], body: bytes) -> None:
    """Check that a refusal is one line of JSON, and says when to come back where that is the way out."""
    value = json.loads(body)
    promise(list(value) == ["error"] and value["error"], "a refusal says what is wrong and nothing else")
    promise(len(value["error"].splitlines()) == 1 and len(body) < 3000, "a refusal is one line")
    promise('File "' not in value["error"], "a refusal shows no traceback")
    if status in (429, 503):
        promise(re.fullmatch("[1-9]|[1-5][0-9]|60", headers.get("retry-after", "")), "when to come back is told")


def check_results(path: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
    """Check that every text got its own result, with the library's score to the bit."""
    if path == "/v1/check":
        check_document(asked["text"], answer)
        return
    texts = asked["texts"] if path.endswith("/batch") else [asked["text"]]
    results = answer["results"] if path.endswith("/batch") else [answer]
    promise(len(results) == len(texts), "as many results as texts", LostRowError)
    gate = path.startswith("/v1/gate")
    asked = {key: value for key, value in asked.items() if value is not None}
    level = asked.get("level", "document" if gate else "sentence")
    promise(answer["signature"] == detector().signature, "the model is named")
    rate = asked.get("false_positive_rate", 0.01)
    scores: Any
    if gate:
        rules = {name: asked.get(name, "pass") for name in ("short", "foreign", "empty")}
        review = max(asked.get("review_rate", 0.05), rate)
        decisions = _gate(level, rate, review, int(asked.get("minimum_words", 0)), *rules.values()).decide_batch(texts)
        same = [(row["action"], row["reason"]) for row in results] == [(d.action, d.reason) for d in decisions]
        promise(same, "the service decides as the library does")
        scores, statuses = [d.score for d in decisions], [d.status for d in decisions]
    else:
        scored = detector().score_batch(texts, level=level)
        scores, statuses = scored.scores, list(scored.statuses)
        threshold = detector().threshold(level, rate)
        promise([row["flagged"] for row in results] == [s >= threshold for s in scores], "flags follow the rate")
    promise(bits(row["score"] for row in results) == bits(scores), "the service gives the library's scores")
    promise([row["status"] for row in results] == statuses, "the service gives the library's statuses")


@lru_cache(64)
def _gate(level: Any, rate: float, review: float, words: int, short: Any, foreign: Any, empty: Any) -> Gate:
    return Gate(detector(), rate, review, level, minimum_words=words, short=short, foreign=foreign, empty=empty)


def check_document(text: str, answer: dict[str, Any]) -> None:
    """Check a document with its sentences."""
    sentences = [text[sentence["start"] : sentence["end"]] for sentence in answer["sentences"]]
    promise(bits([answer["score"]]) == bits(detector().score_documents([text])), "a document has the library's score")
    scores = bits(sentence["score"] for sentence in answer["sentences"])
    promise(scores == bits(detector().score(sentences)), "sentences have the library's scores", LostRowError)
    for sentence, words in zip(answer["sentences"], sentences, strict=True):
        whole = all(writable(words[span["start"] : span["end"]]) == span["text"] != "" for span in sentence["spans"])
        promise(whole, "a span is a stretch of its sentence")


def writable(text: str) -> str:
    """Return a text as the service writes it: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def bits(scores: Iterable[Any]) -> bytes:
    """Return scores as the bits of 32-bit floats, None as NaN."""
    numbers = [math.nan if score is None or score != score else score for score in scores]
    return np.array(numbers, dtype=np.float32).tobytes()
