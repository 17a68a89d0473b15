"""The site: ``sphinx-build -W docs build/site``."""

import re

import click
from sphinx.application import Sphinx

import mtdetect

project = "mtdetect"
release = version = mtdetect.__version__
html_title = f"mtdetect {release}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["*.py"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
suppress_warnings = ["misc.highlighting_failure"]


def escape(_app: Sphinx, _context: click.Context, lines: list[str]) -> None:
    """Help is plain text: a name that ends in ``_`` is no link."""
    lines[:] = [re.sub(r"(?<=\w)_(?!\w)", r"\_", line) for line in lines]


def link_to_file(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Pages of the repository that are no pages of the site are files to download."""
    source[0] = re.sub(r"\]\((\.\./[^)#]+\.md)\)", r"](path:\1)", source[0])


def setup(app: Sphinx) -> None:
    app.connect("source-read", link_to_file)
    app.connect("sphinx-click-process-options", escape)
    app.connect("sphinx-click-process-description", escape)
