"""The HTTP service: score and gate endpoints with micro-batches, limits, metrics, and the page.

Needs the extra ``serve``. :func:`mtdetect.service.app.create_app` makes the ASGI application,
:func:`mtdetect.service.server.serve` runs it in one process.
"""
