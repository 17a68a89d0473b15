"""The page in a real browser: marks as one types, moves the budget, restores links, runs nothing hostile."""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import visit
from tests.service.harness import Service, running

PLAIN = "The council met on Tuesday evening to talk about the new bridge, and nobody left before the vote."
GARBLED = (
    "It was of the opinion the mayor that the works of the bridge they would have to be to finish before of the winter."
)
HOSTILE = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script> of the men of the sea"


class Page:
    """The page in a browser, and what tests do with it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser = browser
        self.address = address

    def open(self, fragment: str = "", width: int = 1280, theme: str = "light") -> Page:
        visit(self.browser, self.address + fragment, width, theme)
        self.wait("!document.getElementById('budget').disabled")
        return self

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def wait(self, condition: str) -> None:
        deadline = time.monotonic() + 15
        while not self.run(f"return {condition}"):
            assert time.monotonic() < deadline, f"{condition}\n{self.text('main')}"
            time.sleep(0.03)

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", selector
        )
        return found

    def type(self, text: str) -> None:
        self.browser.find_element("id", "text").send_keys(text)

    def put(self, text: str) -> None:
        """Put text into the box at once, as pasting does."""
        self.run(
            "const box = document.getElementById('text'); box.value = arguments[0];"
            "box.dispatchEvent(new Event('input', {bubbles: true}))",
            text,
        )

    def budget(self, position: int) -> None:
        self.run(
            "const box = document.getElementById('budget'); box.value = arguments[0] < 0 ? box.max : arguments[0];"
            "box.dispatchEvent(new Event('input', {bubbles: true}))",
            position,
        )


@pytest.fixture
def page(browser: Any, service: Service) -> Iterator[Page]:
    browser.get_log("browser")
    yield Page(browser, f"http://127.0.0.1:{service.port}/")
    problems = [entry["message"] for entry in browser.get_log("browser")]
    assert not problems  # scripts that fail, and what the policy of the page had to stop


def test_text_is_marked_as_it_is_typed(page: Page) -> None:
    page.open()
    page.type(PLAIN)
    page.wait("document.querySelectorAll('.sentence').length === 1")
    page.type(f"\n{GARBLED}")
    page.wait("document.querySelectorAll('.sentence').length === 2")
    assert [text.rstrip("0123456789") for text in page.texts(".sentence")] == [PLAIN, GARBLED]
    assert page.texts(".sentence.flagged") == [f"{GARBLED}1"]
    assert all(word in GARBLED for word in page.texts(".sentence.flagged mark"))
    assert page.texts(".sentence.flagged mark")
    assert "flagged" in page.text(".note")
    assert "1 of 2 scored sentences flagged." in page.text("#verdict")
    page.run("document.getElementById('clear').click()")
    page.wait("!document.querySelector('.sentence')")


def test_the_budget_changes_verdicts_and_asks_nobody(page: Page) -> None:
    page.open().put(f"{PLAIN}\n{GARBLED} Nobody knew of the reason of the work.")
    page.wait("document.querySelector('.sentence')")
    asked = page.run("return performance.getEntriesByType('resource').length")
    budgets = page.run("return budgets")
    score = page.run("return answer.score")
    for position, budget in enumerate(budgets):
        page.budget(position)
        assert (page.text("#verdict .verdict-word") == "Flagged") == (score >= budget["document"])
        flagged = page.run("return answer.sentences.filter((s) => s.score >= arguments[0]).length", budget["sentence"])
        assert len(page.texts(".sentence.flagged")) == flagged
        assert f"{100 * budget['false_positive_rate']:g}% of clean English" in page.text("#budget-words")
    assert page.run("return performance.getEntriesByType('resource').length") == asked


def test_a_link_restores_the_view_and_keeps_the_text_off_the_network(page: Page) -> None:
    text = f"\U0001f600 Привет — “quoted” & <b>.\n{GARBLED}\n" + PLAIN * 40
    page.open().put(text)
    page.budget(2)
    page.wait("document.querySelector('.sentence')")
    page.run("document.getElementById('copy').click()")
    page.wait("document.getElementById('link').value")
    link = page.run("return document.getElementById('link').value")
    before, packed = link.split("#text=")
    assert before == page.address
    assert len(packed) < len(text) / 4
    page.browser.get_log("performance")
    page.open(f"#text={packed}")
    page.wait("document.querySelector('.sentence')")
    assert page.run("return document.getElementById('text').value") == text
    assert page.run("return document.getElementById('budget').value") == "2"
    log = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    sent = [entry["params"]["request"]["url"] for entry in log if entry["method"] == "Network.requestWillBeSent"]
    assert page.address in sent
    assert not [url for url in sent if packed[:20] in url or "mayor" in url]


def _packed(data: bytes, times: int = 1) -> str:
    packer = zlib.compressobj(9, wbits=-15)
    packed = b"".join(packer.compress(data) for _ in range(times)) + packer.flush()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


@pytest.mark.parametrize(
    "packed", ["", "%%%", "AAAA", "4zbom", _packed(b'{"text":1}'), _packed(b"[]"), _packed(b"\xff")]
)
def test_a_damaged_link_says_so(page: Page, packed: str) -> None:
    page.open(f"#text={packed}")
    page.wait("document.getElementById('said').textContent.includes('damaged')")


def test_a_link_that_unpacks_to_gigabytes_is_given_up(page: Page) -> None:
    page.open(f"#text={_packed(b' ' * (1 << 20), 100)}")
    page.wait("document.getElementById('said').textContent.includes('damaged')")


def test_hostile_text_runs_nothing(page: Page) -> None:
    page.open().put(f"{HOSTILE}. {GARBLED}")
    page.wait("document.querySelectorAll('.sentence').length > 0")
    assert page.run("return document.title") == "mtdetect: is it garbled translation?"
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    assert "<script>" in "".join(page.texts(".sentence"))


def test_odd_characters_keep_marks_in_place(page: Page) -> None:
    page.open().put(f"\U0001f600\U0001f600 yes. {GARBLED} \u202e end\x00")
    page.run(  # half a character, which no JSON can hold
        "const box = document.getElementById('text'); box.value = String.fromCharCode(0xd800) + ' ' + box.value;"
        "box.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait("document.querySelector('.sentence.flagged')")
    flagged = page.run(
        "const shown = document.querySelector('.sentence.flagged').cloneNode(true);"
        "shown.querySelector('.ref').remove(); return shown.textContent"
    )
    assert GARBLED in flagged
    assert all(mark in GARBLED for mark in page.texts(".sentence.flagged mark"))


def test_a_dropped_file_is_read(page: Page) -> None:
    page.open()
    page.run(
        "const data = new DataTransfer(); data.items.add(new File([arguments[0]], 'a.txt', {type: 'text/plain'}));"
        "document.getElementById('text').dispatchEvent("
        "  new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: data}))",
        GARBLED,
    )
    page.wait("document.querySelector('.sentence.flagged')")
    assert page.run("return document.getElementById('text').value") == GARBLED


def test_too_long_and_unscorable_text_is_told(page: Page) -> None:
    page.open().put("word " * 20_001)
    page.wait("document.getElementById('count').textContent.includes('more than')")
    page.put("Too short.")
    page.wait("document.getElementById('verdict').textContent.includes('Too short to judge')")


def test_keys_alone_are_enough(page: Page) -> None:
    page.open().put(GARBLED)
    page.wait("document.querySelector('.ref')")
    page.run("document.querySelector('.ref').focus()")
    page.browser.switch_to.active_element.send_keys("\ue007")
    page.wait("document.querySelector('.note').open")
    assert page.run("return location.hash") == ""
    page.run("document.getElementById('budget').focus()")
    before = page.text("#budget-words")
    page.browser.switch_to.active_element.send_keys("\ue014")
    assert page.text("#budget-words") != before
    said = page.run("return document.getElementById('budget').getAttribute('aria-valuetext')")
    assert said in page.text("#budget-words")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_anyone_can_read_it(page: Page, width: int, theme: str) -> None:
    axe = pytest.importorskip("axe_core_python.selenium", reason="pip install 'mtdetect[browser-test]'")
    page.open(width=width, theme=theme).put(f"{PLAIN}\n{GARBLED}\nWork starts in March.")
    page.wait("document.querySelector('.sentence.flagged')")
    page.run("document.querySelector('.ref').click()")
    page.run("document.getElementById('copy').click()")
    page.wait("document.getElementById('link').value")
    found = axe.Axe().run(page.browser)["violations"]
    assert not [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_nothing_comes_from_elsewhere(page: Page, service: Service) -> None:
    page.open().put(GARBLED)
    page.wait("document.querySelector('.sentence')")
    loaded = page.run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert loaded
    assert all(name.startswith((page.address, "data:")) for name in loaded)
    for path in ("/", "/page/page.js", "/page/page.css", "/page/marked_text.js", "/page/style.css"):
        status, headers, _ = service.request("GET", path)
        assert status == 200
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_service_that_went_away_is_told(browser: Any) -> None:
    with running() as short:
        page = Page(browser, f"http://127.0.0.1:{short.port}/").open()
        short.process.terminate()
        short.process.wait(30)
    page.put(GARBLED)
    page.wait("document.getElementById('said').textContent.includes('does not answer')")
    browser.get_log("browser")
