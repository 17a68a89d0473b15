"""What the service answers: the numbers of the API, plain refusals, and nothing that lets a text take it down."""

from __future__ import annotations

import json
import math
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mtdetect
from mtdetect.detector import Detector
from tests.service.harness import Service, http_post, read_answer, running

pytest.importorskip("msgspec", reason="the service needs its packages: pip install 'mtdetect[serve]'")

GARBLED = "The persons of the city they were of the liberation very happy by the soldiers of the release."
PLAIN = "She closed the door behind her and walked to the station in the rain."
DOCUMENT = f"{PLAIN} {GARBLED}\nIt rained. The council will meet again on Thursday to vote on the new budget."
TEXTS: list[str | None] = [GARBLED, PLAIN, None, "", "Too short.", "a\x00b \U0001f600 of the of the of the", DOCUMENT]
TEXTS += ["Это предложение написано не на английском языке.", "=1+1|x <script>alert(1)</script> was read aloud to them"]


def _bits(scores: list[float | None]) -> bytes:
    return np.array([math.nan if score is None else score for score in scores], dtype=np.float32).tobytes()


@pytest.mark.parametrize("level", ["sentence", "document"])
def test_scores_are_those_of_the_api_to_the_last_bit(service: Service, detector: Detector, level: str) -> None:
    expected = detector.score(TEXTS) if level == "sentence" else detector.score_documents(TEXTS)
    status, answer = service.post("/v1/score/batch", {"texts": TEXTS, "level": level})
    assert status == 200
    assert answer["signature"] == detector.signature
    assert _bits([row["score"] for row in answer["results"]]) == expected.tobytes()
    singles = [service.post("/v1/score", {"text": text, "level": level})[1] for text in TEXTS]
    assert _bits([row["score"] for row in singles]) == expected.tobytes()
    scored = detector.score_batch(TEXTS, level=level)  # type: ignore[arg-type]
    assert [row["status"] for row in singles] == scored.statuses


def test_many_single_calls_at_once_get_the_scores_of_their_own_texts(service: Service, detector: Detector) -> None:
    texts = [f"{GARBLED} {PLAIN} It was said {i} times." for i in range(300)]
    rounds, together = _rounds(service)
    with ExitStack() as stack:
        callers = [stack.enter_context(service.connect()) for _ in texts]
        for caller, text in zip(callers, texts, strict=True):
            caller.sendall(http_post("/v1/score", {"text": text}))
        answers = [json.loads(read_answer(caller)[1]) for caller in callers]
    assert _bits([answer["score"] for answer in answers]) == detector.score(texts).tobytes()
    after = _rounds(service)
    assert after[1] - together == 300
    assert 3 * (after[0] - rounds) < 300


def _rounds(service: Service) -> tuple[float, float]:
    """Return how many rounds were scored, and how many texts in all."""
    return _metric(service, "mtdetect_round_texts_count"), _metric(service, "mtdetect_round_texts_sum")


def _metric(service: Service, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", service.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_large_batch_comes_back_whole_and_in_order(service: Service, detector: Detector) -> None:
    texts = [f"Line {i} was read to the members of the committee." for i in range(5000)]
    status, answer = service.post("/v1/score/batch", {"texts": texts})
    assert status == 200
    assert _bits([row["score"] for row in answer["results"]]) == detector.score(texts).tobytes()


def test_flags_and_reasons_follow_the_budget(service: Service, detector: Detector) -> None:
    score = float(detector.score([GARBLED])[0])
    for rate in (0.001, 0.01, 0.3):
        _, answer = service.post("/v1/score", {"text": GARBLED, "false_positive_rate": rate})
        assert answer["flagged"] == (score >= detector.threshold("sentence", rate))
        assert not answer["reasons"] or answer["flagged"]
    assert answer["flagged"]
    assert answer["reasons"]


def test_gate_decides_as_the_library_does(service: Service, detector: Detector) -> None:
    for level in ("sentence", "document"):
        rules: Any = {"minimum_words": 3, "short": "review", "foreign": "reject", "empty": "review"}
        gate = mtdetect.Gate(detector, 0.05, 0.3, level, **rules)  # type: ignore[arg-type]
        decisions = gate.decide_batch(TEXTS)
        policy = {"level": level, "false_positive_rate": 0.05, "review_rate": 0.3, **rules}
        _, answer = service.post("/v1/gate/batch", {"texts": TEXTS, **policy})
        assert [(row["action"], row["status"], row["reason"]) for row in answer["results"]] == [
            (decision.action, decision.status, decision.reason) for decision in decisions
        ]
        assert _bits([row["score"] for row in answer["results"]]) == _bits([d.score for d in decisions])
        _, single = service.post("/v1/gate", {"text": GARBLED, **policy})
        assert single == {**answer["results"][0], "signature": detector.signature}
    # A review rate that is not above the other leaves nothing to review.
    _, answer = service.post(
        "/v1/gate", {"text": GARBLED, "level": "sentence", "false_positive_rate": 0.3, "review_rate": 0.01}
    )
    assert answer["action"] == "reject"


def test_the_gate_follows_the_policy_of_the_service(detector: Detector, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'level = "sentence"\nminimum_words = 3\nshort = "reject"\n[sources]\ncolumn = "site"\n'
        '[sources.overrides."poems.example"]\nshort = "pass"\n[sources.overrides.strict]\nempty = "review"\n'
    )
    with running("--policy", str(file)) as strict:

        def actions(**options: Any) -> list[str]:
            status, answer = strict.post("/v1/gate/batch", {"texts": [PLAIN, "Too short.", ""], **options})
            assert status == 200, answer
            return [row["action"] for row in answer["results"]]

        assert actions() == ["pass", "reject", "pass"]
        assert actions(source="poems.example") == ["pass", "pass", "pass"]
        assert actions(source="strict") == ["pass", "reject", "review"]
        assert actions(source="unknown.example") == ["pass", "reject", "pass"]
        assert actions(source="poems.example", short="review", level=None) == ["pass", "review", "pass"]
        assert strict.post("/v1/gate", {"text": "Too short.", "minimum_words": 2})[1]["action"] == "reject"
        policy = json.loads(strict.get("/v1/model")[1])["policy"]
        assert policy == mtdetect.Policy.load(file).fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('short = "drop"', "short is 'drop'"),
        ("[false_positives]\ndocument = 1e-9", "this model knows"),
        (None, "does not exist"),
    ],
)
def test_a_wrong_policy_is_refused_at_the_start(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "policy.toml"
    if text is not None:
        file.write_text(text)
    command = [sys.executable, "-m", "mtdetect", "serve", "--port", "0", "--policy", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_check_agrees_with_the_library(service: Service, detector: Detector) -> None:
    text = f"\U0001f600 {DOCUMENT}"
    verdict = detector.check_document(text)
    status, answer = service.post("/v1/check", {"text": text})
    assert status == 200
    assert _bits([answer["score"]]) == _bits([verdict.score])
    assert [text[s["start"] : s["end"]] for s in answer["sentences"]] == [s.text for s in verdict.sentences]
    assert _bits([s["score"] for s in answer["sentences"]]) == _bits([s.score for s in verdict.sentences])
    marked = [(s, v) for s, v in zip(answer["sentences"], verdict.sentences, strict=True) if s["spans"]]
    assert marked
    for sentence, expected in marked:
        assert [(span["start"], span["end"]) for span in sentence["spans"]] == [
            (span.start, span.end) for span in expected.spans
        ]
        assert [r["sentence"] for r in sentence["reasons"]] == [r.sentence for r in expected.reasons]


def test_model_lists_its_budgets(service: Service, detector: Detector) -> None:
    status, answer = service.get("/v1/model")
    assert status == 200
    budgets = json.loads(answer)["budgets"]
    assert [row["false_positive_rate"] for row in budgets] == sorted(row["false_positive_rate"] for row in budgets)
    for row in budgets:
        for level in ("sentence", "document"):
            assert row[level] == detector.threshold(level, row["false_positive_rate"])


def test_state_and_metrics(service: Service) -> None:
    assert service.get("/health") == (200, b'{"status":"alive"}')
    assert service.get("/ready") == (200, b'{"status":"ready"}')
    service.get("/nobody/knows/this")
    status, metrics = service.get("/metrics")
    assert status == 200
    assert b'mtdetect_http_requests_total{path="/health",status="200"}' in metrics
    assert b'mtdetect_http_requests_total{path="other",status="404"}' in metrics
    assert b"mtdetect_held_bytes 0.0" in metrics
    with service.connect(), service.connect():
        assert _metric(service, "mtdetect_connections") >= 3
    assert b"process_resident_memory_bytes" in metrics


JSON = {"Content-Type": "application/json"}
HOSTILE: list[tuple[str, int, bytes, dict[str, str]]] = [
    ("no JSON", 400, b"text=hello", JSON),
    ("nothing", 400, b"", JSON),
    ("half", 400, b'{"text":"a', JSON),
    ("not UTF-8", 400, b'{"text":"\xff\xfe"}', JSON),
    ("surrogate in UTF-8", 400, b'{"text":"\xed\xa0\x80 was said to the men"}', JSON),
    ("half of a surrogate pair", 200, rb'{"text":"the \ud800 was said to the men"}', JSON),
    ("NaN", 400, b'{"text":"a","false_positive_rate":NaN}', JSON),
    ("huge number", 422, b'{"text":"a","false_positive_rate":1e999}', JSON),
    ("long number", 422, b'{"text":"a","false_positive_rate":' + b"9" * 100_000 + b"}", JSON),
    ("deep arrays", 422, b'{"text":' + b"[" * 500_000, JSON),
    ("deep unknown field", 422, b'{"x":' + b'{"x":' * 100_000, JSON),
    ("a list", 422, b"[]", JSON),
    ("no text", 422, b"{}", JSON),
    ("a number as text", 422, b'{"text":1}', JSON),
    ("unknown field", 422, b'{"text":"a","tex":"b"}', JSON),
    ("line break in a field", 422, rb'{"text":"a","te\nxt":"b"}', JSON),
    ("unknown level", 422, b'{"text":"a","level":"word"}', JSON),
    ("rate out of range", 422, b'{"text":"a","false_positive_rate":0}', JSON),
    ("rate without figures", 422, b'{"text":"a","false_positive_rate":1e-9}', JSON),
    ("too large", 413, b" " * (3 << 20), JSON),
    ("form", 415, b"text=hello", {"Content-Type": "application/x-www-form-urlencoded"}),
    ("no content type", 415, b'{"text":"a"}', {}),
    ("compressed", 415, b'{"text":"a"}', {**JSON, "Content-Encoding": "gzip"}),
    ("NUL", 200, rb'{"text":"the \u0000 was said to \u0000 the men of the house"}', JSON),
    ("one token", 200, json.dumps({"text": "a" * 900_000}).encode(), JSON),
    ("marks", 200, json.dumps({"text": "-.'\"" * 20_000, "level": "document"}).encode(), JSON),
    ("charset", 200, b'{"text":"a"}', {"Content-Type": "Application/JSON; charset=utf-8"}),
]


@pytest.mark.parametrize(("status", "body", "headers"), [pytest.param(*row[1:], id=row[0]) for row in HOSTILE])
def test_hostile_requests_get_a_plain_line(service: Service, status: int, body: bytes, headers: dict[str, str]) -> None:
    got, answer_headers, answer = service.request("POST", "/v1/score", body, headers)
    assert got == status, answer
    assert answer_headers["content-type"] == "application/json"
    assert b"Traceback" not in answer
    assert b'File "' not in answer
    if status != 200:
        assert list(json.loads(answer)) == ["error"]
        assert len(json.loads(answer)["error"].splitlines()) == 1
        assert len(answer) < 500
    assert service.get("/health")[0] == 200


def test_wrong_paths_and_methods(service: Service) -> None:
    for method, path, expected in (
        ("GET", "/v1/score", 405),
        ("DELETE", "/v1/gate/batch", 405),
        ("POST", "/health", 405),
        ("GET", "/v1/../../etc/passwd", 404),
        ("GET", "/%00", 404),
        ("POST", "/v2/score", 404),
        ("POST", "/v1/score/", 404),  # not sent on to a host that the request names
    ):
        status, headers, answer = service.request(method, path)
        assert (status, list(json.loads(answer))) == (expected, ["error"])
        assert (status == 405) == ("allow" in headers)


def _raw(service: Service, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are and return what comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionError:
            pass
        return received


def _send(service: Service, *parts: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)


@pytest.mark.parametrize("begun", [b"{", b""])
def test_a_slow_body_is_given_up(service: Service, begun: bytes) -> None:
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n"
    begin = time.monotonic()
    answer = _raw(service, head + b"Connection: close\r\n\r\n" + begun)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begin < 15


def test_slow_headers_are_given_up(service: Service) -> None:
    begin = time.monotonic()
    assert _raw(service) == b""  # nothing at all
    assert _raw(service, b"GET /health HTTP/1.1\r\nHost:") == b""
    again = _raw(service, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /hea", pause=0.5)
    assert again.endswith(b'{"status":"alive"}')
    assert 5 < time.monotonic() - begin < 25


def test_who_does_not_read_the_answers_is_cut_off(service: Service) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    whole = 3000 * len(service.get("/openapi.json")[1])  # tens of megabytes, more than sockets hold
    received = 0
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", service.port))
        connection.settimeout(30)
        connection.sendall(request * 3000)
        time.sleep(5)
        try:
            while data := connection.recv(65536):
                received += len(data)
        except ConnectionError:
            pass
    assert received < whole / 2
    assert service.get("/health")[0] == 200


def test_broken_and_endless_headers_are_given_up(service: Service) -> None:
    answer = _raw(service, b"\x16\x03\x01\x02\x00\x01\x00 nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert list(json.loads(answer.partition(b"\r\n\r\n")[2])) == ["error"]
    filler = b"X-Filler: " + b"a" * 1000 + b"\r\n"
    with pytest.raises(ConnectionError):
        _send(service, b"GET /health HTTP/1.1\r\n", filler * 100_000)
    assert service.get("/health")[0] == 200


def test_a_chunked_body_is_limited_as_it_arrives(service: Service) -> None:
    head = b"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    whole = b'{"text":"It was said to the men."}'
    small = b"%x\r\n%s\r\n0\r\n\r\n" % (len(whole), whole)
    assert _raw(service, head + b"Connection: close\r\n\r\n", small).startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head + b"\r\n" + chunk * 34 + b"0\r\n\r\n")  # the rest is read, and dropped
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_more_than_it_holds_is_refused_with_retry_after_and_nothing_is_lost(service: Service) -> None:
    body = json.dumps({"texts": [f"{GARBLED} {i}" for i in range(8000)]}).encode()

    def send(_: int) -> tuple[int, dict[str, str], bytes]:
        return service.request("POST", "/v1/score/batch", body, JSON)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(16)))
    statuses = [status for status, _, _ in answers]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 3
    assert 503 in statuses
    for status, headers, answer in answers:
        if status == 503:
            assert 1 <= int(headers["retry-after"]) <= 60
        else:
            assert len(json.loads(answer)["results"]) == 8000
    assert b"mtdetect_held_bytes 0.0" in service.get("/metrics")[1]


def test_termination_finishes_what_was_accepted(detector: Detector) -> None:
    texts = [f"{GARBLED} {i}" for i in range(9000)]
    body = json.dumps({"texts": texts}).encode()
    with running() as service, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(service.request, "POST", "/v1/score/batch", body, JSON) for _ in range(4)]
        while float(re.search(rb"^mtdetect_held_bytes (\S+)$", service.get("/metrics")[1], re.MULTILINE)[1]) < len(
            body
        ):  # type: ignore[index]
            assert not all(one.done() for one in waiting)
        service.process.terminate()
        answers: list[Any] = []
        for one in waiting:
            try:
                answers.append(one.result(60))
            except ConnectionError:  # was not accepted any more
                continue
        assert service.process.wait(60) == 0
    assert answers
    expected = detector.score(texts).tobytes()
    for status, _, answer in answers:
        assert status == 200
        assert _bits([row["score"] for row in json.loads(answer)["results"]]) == expected


def test_too_many_connections_are_refused_not_kept() -> None:
    with running("--max-connections", "3") as service:
        held = [socket.create_connection(("127.0.0.1", service.port), timeout=10) for _ in range(3)]
        time.sleep(0.2)
        assert service.request("GET", "/health")[0] == 503
        for connection in held:
            connection.close()
        time.sleep(0.2)
        assert service.request("GET", "/health")[0] == 200


def test_a_port_in_use_is_refused_in_one_line(service: Service) -> None:
    command = [sys.executable, "-m", "mtdetect", "serve", "--port", str(service.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("mtdetect: cannot listen on 127.0.0.1")
    assert len(done.stderr.splitlines()) == 1
    usage = subprocess.run([*command, "--max-held", "1"], capture_output=True, text=True, timeout=60)
    assert usage.returncode == 2


def test_a_missing_package_is_named_with_the_line_that_installs_it() -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from mtdetect.cli import main; main(['serve'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "pip install 'mtdetect[serve]'" in done.stderr
    assert "Traceback" not in done.stderr
