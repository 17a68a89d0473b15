"""The report in a real browser: nothing hostile runs, keys and filters work, it stays quick, anyone can read it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from browser import visit
from fake_detector import FakeDetector
from test_report import CLEAN, GARBLED, HALF, HOSTILE

from mtdetect.report import Document, build_report, render_report

LONG = f"{GARBLED} {CLEAN}\n{HALF} Short one.\n{GARBLED} {GARBLED}"
DOCUMENTS = [
    Document(CLEAN, title="A bridge", source="post.example", file="a.jsonl", row=1),
    Document(GARBLED, title="Zz bridge", source="zz.example", file="a.jsonl", row=2),
    Document(LONG, title="A long one", source="zz.example", file="a.jsonl", row=3),
    Document("Too short.", source="post.example", file="a.jsonl", row=4),
]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Any:
    """Return a function that opens the report of some documents and returns the browser."""

    def opened(documents: list[Document], width: int = 1300, theme: str = "light", fragment: str = "") -> Any:
        detector: Any = FakeDetector()
        page = tmp_path / "page.html"
        page.write_text(render_report(build_report(detector, documents)), encoding="utf-8")
        visit(browser, page.as_uri() + fragment, width, theme)
        return browser

    yield opened
    problems = [entry["message"] for entry in browser.get_log("browser")]
    assert not problems  # scripts that fail, and what the policy of the page had to stop


def press(browser: Any, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)


def texts(browser: Any, selector: str) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.trim())", selector
    )
    return found


def wait_for(browser: Any, condition: str) -> None:
    deadline = time.monotonic() + 5
    while not browser.execute_script(f"return {condition}"):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def title(browser: Any) -> str:
    wait_for(browser, "document.querySelector('#reader h2')")
    return texts(browser, "#reader h2")[0]


def test_opens_with_the_verdict_and_the_worst_document(show: Any) -> None:
    browser = show(DOCUMENTS)
    assert texts(browser, "h1") == ["2 of 3 documents read like garbled machine translation"]
    assert texts(browser, ".row .title") == ["Zz bridge", "A long one", "A bridge", "Too short."]
    assert title(browser) == "Zz bridge"
    assert "zz.example · a.jsonl, row 2" in texts(browser, ".document-head .where")
    assert texts(browser, ".sentence.flagged mark")[0] == "zzthe"
    note = texts(browser, ".note")[0]
    assert "flagged" in note
    assert "Words with zz in them." in note
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_hostile_text_runs_nothing(show: Any) -> None:
    hostile = Document(HOSTILE, title=HOSTILE, source=HOSTILE, file=HOSTILE, row=1)
    unreadable = Document(None, error=HOSTILE, title="\u202egnp.exe")
    browser = show([hostile, Document(GARBLED, source=HOSTILE), unreadable])
    for _ in range(3):
        press(browser, "j", "n")
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.execute_script("return typeof window.hacked") == "undefined"
    assert browser.execute_script("return document.querySelectorAll('img, b > script, #reader script').length") == 0
    press(browser, "k")
    shown = browser.execute_script("return document.querySelector('#reader .marked-text').textContent")
    assert "<img src=x onerror='window.hacked = 2'>" in shown
    assert {"U+202E", "U+2066", "U+0000"} <= set(texts(browser, "#reader .control"))
    assert "\u202e" not in browser.execute_script("return document.body.innerText")


def test_offsets_survive_characters_of_two_units(show: Any) -> None:
    browser = show([Document("\U0001f600 \U0001f600 zzone \U0001f600 zztwo zzthree \U0001f600 zzfour zzfive.")])
    assert texts(browser, "#reader mark") == ["zzone", "zztwo", "zzthree", "zzfour", "zzfive"]


def test_keys(show: Any) -> None:
    browser = show(DOCUMENTS)
    press(browser, "j")
    assert title(browser) == "A long one"
    assert browser.execute_script("return location.hash") == "#document-2"
    current = "document.querySelector('.sentence.current .ref').textContent"
    press(browser, "n")
    assert browser.execute_script(f"return {current}") == "1"
    assert texts(browser, ".note[open]")
    press(browser, "n", "n")
    assert browser.execute_script(f"return {current}") == "3"
    press(browser, "p")
    assert browser.execute_script(f"return {current}") == "2"
    assert browser.execute_script("return document.activeElement.className") == "ref"
    press(browser, "k")
    assert title(browser) == "Zz bridge"
    press(browser, "f")
    assert texts(browser, ".row .title") == ["Zz bridge", "A long one"]
    press(browser, "f", "f")
    assert texts(browser, ".row .title") == ["Too short."]
    press(browser, "f", "/")
    assert browser.execute_script("return document.activeElement.id") == "find"
    press(browser, "j")  # a letter of the search, not a key
    assert browser.execute_script("return byId('find').value") == "j"
    press(browser, "\ue00c")  # Escape
    assert browser.execute_script("return document.activeElement.id") == "list"
    press(browser, "?")
    assert browser.execute_script("return document.getElementById('help').open")
    keys = set(" ".join(texts(browser, "#help dt")).split())
    assert keys >= {"j", "k", "n", "p", "f", "/", "?"}
    browser.execute_script("document.getElementById('keys-on').click()")
    press(browser, "\ue00c")
    before = title(browser)
    press(browser, "j")
    assert title(browser) == before


def test_list_moves_with_the_arrow_keys(show: Any) -> None:
    browser = show(DOCUMENTS)
    browser.execute_script("list.focus()")
    press(browser, "\ue015")  # down
    assert title(browser) == "A long one"
    selected = browser.execute_script(
        "return document.getElementById(list.getAttribute('aria-activedescendant')).getAttribute('aria-selected')"
    )
    assert selected == "true"
    press(browser, "\ue010")  # end
    assert title(browser) == "a.jsonl, row 4"  # it has no title
    press(browser, "\ue011")  # home
    assert title(browser) == "Zz bridge"


def test_filters(show: Any) -> None:
    browser = show(DOCUMENTS)

    def filtered(script: str) -> list[str]:
        browser.execute_script(
            "filters.reset(); const set = (id, value) => { byId(id).value = value; };"
            f"{script}; filters.dispatchEvent(new Event('input')); shown = null;"
        )
        wait_for(browser, "shown !== null")
        return texts(browser, ".row .title")

    assert filtered("set('source', data.sources.indexOf('post.example'))") == ["A bridge", "Too short."]
    assert filtered("set('lowest', 0.2)") == ["Zz bridge", "A long one"]
    assert filtered("set('highest', 0.2)") == ["A bridge"]
    assert filtered("set('find', 'OLD BRIDGE')") == ["A long one", "A bridge"]
    assert texts(browser, "#shown") == ["2 of 4 documents"]
    assert filtered("set('order', 'read')") == ["A bridge", "Zz bridge", "A long one", "Too short."]
    assert filtered("set('find', 'nowhere')") == []
    assert "No document passes these filters." in texts(browser, "#reader")[0]


@pytest.mark.parametrize("width", [1300, 390])
def test_rows_hold_long_titles_and_many_sentences(show: Any, width: int) -> None:
    long = Document("\n".join([GARBLED, CLEAN] * 200), title="word " * 50, source="s" * 300)
    browser = show([long, *DOCUMENTS], width=width)
    verdicts = texts(browser, ".row .parts span")
    assert "200 of 400 sentences" in " ".join(verdicts)
    outside = browser.execute_script(
        "const right = list.getBoundingClientRect().right;"
        "return [...list.querySelectorAll('.row *')].filter((e) => e.getBoundingClientRect().right > right).length"
    )
    assert outside == 0
    assert browser.execute_script("return document.querySelector('.row .strip').getBoundingClientRect().width") > 40
    assert not browser.execute_script("return document.documentElement.scrollWidth > innerWidth")


def test_a_link_opens_its_document(show: Any) -> None:
    assert title(show(DOCUMENTS, fragment="#document-0")) == "A bridge"


def test_phone(show: Any) -> None:
    browser = show(DOCUMENTS, width=390)
    wide = "document.documentElement.scrollWidth > innerWidth"
    assert not browser.execute_script(f"return {wide}")
    displayed = "[list, reader].map((e) => e.checkVisibility())"
    assert browser.execute_script(f"return {displayed}") == [True, False]
    browser.execute_script("document.querySelectorAll('.row')[1].click()")
    assert browser.execute_script(f"return {displayed}") == [False, True]
    assert title(browser) == "A long one"
    assert not browser.execute_script(f"return {wide}")
    text_ends, notes_start = browser.execute_script(
        "const box = (selector) => document.querySelector(selector).getBoundingClientRect();"
        "return [box('.passage > p').bottom, box('.notes').top]"
    )
    assert notes_start >= text_ends
    browser.back()
    wait_for(browser, f"{displayed}[0]")


def test_prints_the_documents_that_pass_the_filters(show: Any) -> None:
    browser = show(DOCUMENTS)
    press(browser, "f")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    printed = texts(browser, "#printed article")
    assert [text.splitlines()[0] for text in printed] == ["Zz bridge", "A long one"]
    assert "Words with zz in them." in printed[0]
    assert not browser.execute_script("return document.querySelector('.workbench').checkVisibility()")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert texts(browser, "#printed article") == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1300, 390])
def test_accessible(show: Any, theme: str, width: int) -> None:
    axe = pytest.importorskip("axe_core_python", reason="pip install '.[browser-test]' for the accessibility check")
    browser = show(DOCUMENTS, width=width, theme=theme)
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(253, 253, 251)") is (theme == "light")
    browser.execute_script((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    for state in ("", "select(1, {open: true}); step(1)", "byId('help').showModal()"):
        browser.execute_script(state)
        found = browser.execute_async_script("axe.run().then(arguments[0])")
        assert [f"{rule['id']}: {[node['html'] for node in rule['nodes']]}" for rule in found["violations"]] == []


def test_the_theme_can_be_chosen(show: Any) -> None:
    browser = show(DOCUMENTS)
    browser.execute_script("byId('theme').value = 'dark'; byId('theme').dispatchEvent(new Event('change'))")
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"


def test_five_thousand_documents_stay_quick(show: Any) -> None:
    long = "\n".join(" ".join([CLEAN, HALF, GARBLED]) for _ in range(2))
    browser = show([Document(long, title=f"Document {i}", source=f"s{i % 40}") for i in range(5000)])
    assert len(texts(browser, ".row")) < 40
    times = browser.execute_script(
        """
        const time = (act) => { const start = performance.now(); act(); list.getBoundingClientRect();
                                return performance.now() - start; };
        return {
          next: time(() => select(current + 1)),
          end: time(() => select(4999)),
          find: time(() => { byId('find').value = 'document 4321'; applyFilters(); }),
          verdict: time(() => { byId('find').value = ''; filters.elements.verdict.value = 'flagged'; applyFilters(); }),
        }"""
    )
    assert len(texts(browser, ".row")) < 40
    assert all(milliseconds < 1000 for milliseconds in times.values()), json.dumps(times)
