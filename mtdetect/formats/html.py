"""Web pages to text, through Resiliparse; pages built to keep it busy for minutes are refused before.

Resiliparse cannot be interrupted, and takes time that grows with the number of tags times how deep they are nested.
"""

from __future__ import annotations

import codecs
import re

_PAGE_BYTES = 16_000_000
_FREE, _FREE_PER_CHARACTER = 1_000_000, 50
"""What a page may cost: at every tag, an open element costs 1, which takes some 20 ns."""
_REOPENED = 50
"""Cost at every tag of an inline element that may be open: the parser may have to open it again, with its memory."""
_LONG = 400  # characters of attributes that are worth counting

_ATTRIBUTE = (
    r"[^\t\n\f\r />][^\t\n\f\r />=]*+"
    r"(?:[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\t\n\f\r >\"'][^\t\n\f\r >]*+)?+)?+"
)
_REST = rf"(?:[\t\n\f\r /]++|{_ATTRIBUTE})*+"
_TAG = re.compile(
    r"<!--(?:-?>|[^-]*+(?:-(?!-!?>)[^-]*+)*+)"  # what is in a comment is no tag
    r"|<[!?][^>]*+"
    r"|<(iframe|noembed|noframes|script|style|textarea|title|xmp)(?=[\t\n\f\r />])"  # and what is in these
    rf"({_REST})>?([^<]*+(?:<(?!/\1[\t\n\f\r />])[^<]*+)*+)(?:</\1{_REST})?"
    rf"|<(/?)([a-z][^\t\n\f\r />]*+)({_REST})",
    re.IGNORECASE | re.ASCII,
)
_ATTRIBUTES = re.compile(_ATTRIBUTE)

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_INLINE = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_FOREIGN = frozenset(("svg", "math"))
_LEAVES_FOREIGN = frozenset(
    "b big blockquote body br center code dd div dl dt em embed font h1 h2 h3 h4 h5 h6 head hr i img li listing menu "
    "meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var "
    "annotation-xml desc foreignobject mi mn mo ms mtext".split()
)
_RAW_IS_SEEN_IN = frozenset(("svg", "math", "select", "frameset"))
_ONCE = frozenset(("html", "body", "option"))
"""Every further one of these looks through those before."""
_ENDS = {
    "li": ("li",), "p": ("p",), "td": ("td", "th"), "th": ("td", "th"), "dd": ("dd", "dt"), "dt": ("dd", "dt"),
    "option": ("option",),
}  # fmt: skip
"""What the start of an element ends for certain, if it is the last one opened."""
_TABLE = frozenset(("table", "tbody", "thead", "tfoot", "tr"))
_IN_TABLE = frozenset(("tbody", "thead", "tfoot", "tr", "td", "th", "p", "li", "dd", "dt"))
_IMPLIED = frozenset(("p", "li", "dd", "dt"))
_NO_CHARSETS = frozenset(("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"))
_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def codec_of(label: str | None, content: bytes) -> str | None:
    """Return the codec for a charset as a web server names it; None where it names none, or one that cannot be.

    >>> codec_of("x-sjis", b""), codec_of("UTF-8,text/html", b""), codec_of("utf8mb4", b"")
    ('shift_jis', 'utf-8', None)
    """
    from resiliparse.parse.encoding import map_encoding_to_html5

    label = re.split(r"[\s,;]", (label or "").strip())[0].strip("\"'")
    try:
        "".encode(label)
        name = codecs.lookup(label).name
    except (LookupError, ValueError):  # no charset for Python, or no charset but another transformation
        name = map_encoding_to_html5(label, fallback_utf8=False) or ""
    if name.startswith(("utf-16", "utf-32")) and b"\0" not in content and not content.startswith(_UTF16_BOMS):
        return None
    return name if name and name not in _NO_CHARSETS else None


def text_of_html(content: bytes, label: str | None) -> str:
    """Return the main content of a page as text.

    Args:
        content: the page.
        label: charset as the web server names it; None, or one that nobody knows: it is guessed.

    Raises:
        ValueError: the page would take too long; in a few words why.
    """
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    if len(content) > _PAGE_BYTES:
        raise ValueError(f"a web page of more than {_PAGE_BYTES // 1_000_000} MB")
    html = bytes_to_str(content, codec_of(label, content) or detect_encoding(content) or "utf-8")
    check_cost(html)
    return str(extract_plain_text(html, main_content=True, preserve_formatting=True))


def check_cost(html: str) -> None:
    """Refuse a page that would take more than time in proportion to its length, without parsing it.

    Raises:
        ValueError: tags are nested too deep, or have too many attributes.
    """
    allowed = _FREE + _FREE_PER_CHARACTER * len(html)
    tags, spent = _OpenTags(), 0
    for raw, raw_rest, content, close, name, rest in _TAG.findall(html):
        if name:
            if close:
                tags.end(name.lower())
            else:
                spent += tags.start(name.lower(), rest)
        elif raw:
            tags.skip(content)
        else:
            continue
        spent += len(tags.stack) + _REOPENED * tags.inline
        if len(rest) > _LONG or len(raw_rest) > _LONG:
            spent += len(_ATTRIBUTES.findall(rest or raw_rest)) ** 2 // 12  # each is compared with those before
        if spent > allowed:
            raise ValueError("a web page with tags nested too deep, or too many attributes: it would take too long")


class _OpenTags:
    """Which elements may be open in the parser.

    One counts as open until it is certain that the parser closes it, so that none can hide; sloppy pages have some
    dozens too many here.

    Attributes:
        stack: names of the elements; ``""`` for one that nothing closes here.
        inline: different inline elements among them.
    """

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.inline = 0
        self._inline: list[tuple[str, str]] = []
        self._same: dict[tuple[str, str], int] = {}
        self._counts: dict[str, int] = {}
        self._foreign: list[int] = []  # where SVG and MathML begin in the stack, while it is certain that they are open
        self._raw_is_seen = 0
        self._closing = True

    def start(self, name: str, rest: str) -> int:
        """Open an element; returns what it costs beyond its depth."""
        count = self._counts[name] = self._counts.get(name, 0) + 1
        cost = count // 3 if name in _ONCE else len(self._counts) // 25 if count == 1 else 0
        if name == "select":
            self._counts["option"] = 0
        stack = self.stack
        if self._foreign:
            if name in _LEAVES_FOREIGN:
                self._leave_foreign()
            elif rest.endswith("/"):
                return cost
        if name in _VOID:
            return cost
        if stack and stack[-1] in _ENDS.get(name, ()):
            stack.pop()
        elif name == "tr" and stack[-2:] in (["tr", "td"], ["tr", "th"]):
            del stack[-2:]
        if name in _INLINE:
            key = name, rest
            self._inline.append(key)
            same = self._same[key] = self._same.get(key, 0) + 1
            self.inline += same <= 3  # the parser opens no more of the same again
        elif name in _RAW_IS_SEEN_IN:
            self._raw_is_seen += 1
            if name in _FOREIGN:
                self._foreign.append(len(stack))
        stack.append(name)
        return cost

    def end(self, name: str) -> None:
        """Close an element if nothing stands between."""
        stack, at = self.stack, len(self.stack) - 1
        over = _IN_TABLE if name in _TABLE else _IMPLIED
        while at >= 0 and stack[at] != name and stack[at] in over:
            at -= 1
        if at < 0 or stack[at] != name or not self._closing:
            self._leave_foreign()
            return
        del stack[at:]
        if name in _INLINE:
            key = self._inline.pop()
            self.inline -= self._same[key] <= 3
            self._same[key] -= 1
        elif name in _RAW_IS_SEEN_IN:
            self._raw_is_seen -= 1
            if name in _FOREIGN:
                self._foreign.pop()

    def skip(self, content: str) -> None:
        """Pass over a script or the like, whose content is no tags unless it stands in the wrong place."""
        if self._raw_is_seen:
            self._leave_foreign()
            self.stack += [""] * content.count("<")
        elif content.rfind("<!--") > content.rfind("-->") and "<script" in content.lower():
            self._closing = False  # a script within a script: where it ends is not where it seems to

    def _leave_foreign(self) -> None:
        for at in self._foreign:
            self.stack[at] = ""
        self._foreign.clear()
