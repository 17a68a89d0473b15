"""Lets pytest collect the pages, whose code blocks run as tests (tests/pages.py)."""

from tests.pages import PAGES

collect_ignore_glob = ["docs/*.py"]  # scripts that draw pictures
pytest_collect_file = PAGES.pytest()
