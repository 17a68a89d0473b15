"""Pages for people: texts by score, with their sentences shaded and the reasons beside them.

``mtdetect report`` writes one; from Python:

>>> import mtdetect
>>> from mtdetect.report import Document, build_report, render_report
>>> documents = [Document("It rained all day. We stayed at home and read the papers.", title="Diary")]
>>> page = render_report(build_report(mtdetect.load(), documents))
>>> page[:15], "Diary" in page
('<!DOCTYPE html>', True)
"""

from __future__ import annotations

from mtdetect.report.build import Document, Report, build_report
from mtdetect.report.render import render_report

__all__ = ["Document", "Report", "build_report", "render_report"]
