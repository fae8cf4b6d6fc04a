"""A portal with pages made for tests: everything that the frame and the style sheet know, once."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from flask import Flask, Response, abort, render_template, render_template_string
from jinja2 import ChoiceLoader, FileSystemLoader

from web.frame import framed
from web.look import SignedIn

HOSTILE = "<script>document.title='stolen'</script>"
PASSWORD_FIELD = """
{% from 'nhsuk/components/password-input/macro.jinja' import passwordInput %}
{{ passwordInput({'id': 'p', 'name': 'p', 'label': {'text': 'Password'}}) }}
"""


def make_app() -> Flask:
    app = framed({"SECRET_KEY": "only for tests"}, lambda: SignedIn("Dr A Example", "Northern Example (ZX1)"))
    loader = app.jinja_env.loader
    assert loader is not None
    app.jinja_env.loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent / "templates"), loader])
    made_by = os.getpid()
    answers = count(1)

    @app.route("/held", methods=["GET", "POST"])
    def held() -> str:
        return render_template("sample.html", title="Held", hostile=HOSTILE)

    @app.get("/live")
    def live() -> str:
        return render_template("live.html", title="Live")

    @app.get("/live/part")
    def part() -> str:
        return render_template_string("<p>answer {{ n }}</p>" + PASSWORD_FIELD, n=next(answers))

    @app.get("/file")
    def file() -> Response:
        return Response(b"", headers={"Cache-Control": "public, max-age=60"})

    @app.get("/made-by")
    def processes() -> str:
        return f"{made_by} {os.getpid()} {os.getppid()}"

    @app.get("/broken")
    def broken() -> str:
        raise KeyError("EXAMPLE, Agnes")

    @app.get("/refused")
    def refused() -> str:
        abort(403)

    return app
