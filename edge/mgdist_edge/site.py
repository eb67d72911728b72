"""Serve the page: a bundle in a browser, through LiteRT.js.

Only files that were found when it starts are handed out, whatever is asked for.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import EdgeError
from mgdist_edge.signature import PublicKeys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".wasm": "application/wasm",
    ".tflite": "application/octet-stream",
    ".pub": "text/plain; charset=utf-8",
}
"""What is handed out, by suffix; a browser runs modules and wasm of the right type only."""

_LITERT = "node_modules/@litertjs/"
_BUNDLES = "bundles.json"
_POLICY = re.compile(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"')


@dataclass(frozen=True)
class Site:
    """What a server hands out.

    Attributes:
        files: by the path of their address.
        bundles: what ``bundles.json`` says: the name, address and size of each bundle.
        policy: the page's content security policy.
    """

    files: Mapping[str, Path]
    bundles: bytes
    policy: str

    @classmethod
    def of(cls, folder: Path, bundles: Sequence[Path], require_signature: Path | None = None) -> "Site":
        """Return the page of a folder with some bundles, which are checked.

        Args:
            folder: of the page.
            bundles: that it offers.
            require_signature: file of public keys, one of which must have signed each bundle, also one that the page
                opens later; None: none need have.

        Raises:
            BundleError: one cannot be read, is damaged, or is not signed with such a key.
            EdgeError: the page, or LiteRT.js beside it, is not there; or the keys cannot be read.
        """
        files = {f"/{name}": folder / name for name in page_files(folder)}
        if require_signature is not None:
            files["/keys.pub"] = PublicKeys.read(require_signature).path
        opened = {
            f"/bundles/{place}/{path.name}": Bundle.open(path, require_signature) for place, path in enumerate(bundles)
        }
        listed = [
            {"name": bundle.path.name, "url": quote(url[1:]), "bytes": bundle.size} for url, bundle in opened.items()
        ]
        policy = _POLICY.search((folder / "index.html").read_text("utf-8"))
        if policy is None:
            raise EdgeError(f"{folder}/index.html: expected a content security policy; got none; install the page anew")
        files |= {"/": files["/index.html"], **{url: bundle.path for url, bundle in opened.items()}}
        return cls(files, json.dumps(listed).encode(), " ".join(policy[1].split()))


def page_folder() -> Path:
    """Return where the page lies: in the package, or beside it in a checkout."""
    inside = Path(__file__).parent / "web"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "web"


def page_files(folder: Path) -> list[str]:
    """Return the files of the page and of LiteRT.js, relative to its folder.

    Raises:
        EdgeError: they are not there.
    """
    if not (folder / "index.html").is_file():
        raise EdgeError(f"{folder}: expected the page there; got no index.html; name its folder with --page")
    if not (folder / _LITERT / "core").is_dir():
        advice = f"npm ci --omit dev --prefix {folder}"
        raise EdgeError(f"{folder}/node_modules: expected LiteRT.js; got none; fetch it once with: {advice}")
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.suffix in TYPES)
    return [name for name in names if name.startswith(_LITERT) or not name.startswith(("node_modules/", "package"))]


def server(site: Site, port: int) -> ThreadingHTTPServer:
    """Return a server on the loopback address that has begun to listen.

    Raises:
        EdgeError: the port is taken.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, site=site))
    except OSError as error:
        raise EdgeError(f"--port: expected one that is free; got {port}: {error.strerror}; name another") from None


class Handler(SimpleHTTPRequestHandler):
    """Answers for the files of a site, and nothing else."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def __init__(self, *request: object, site: Site) -> None:
        self.site = site
        super().__init__(*request)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Hand out a file, or the list of bundles."""
        if urlsplit(self.path).path == f"/{_BUNDLES}":
            self.send_response(200)
            self.send_header("Content-Type", TYPES[".json"])
            self.send_header("Content-Length", str(len(self.site.bundles)))
            self.end_headers()
            self.wfile.write(self.site.bundles)
        else:
            super().do_GET()

    def translate_path(self, path: str) -> str:
        """Return the file of an address; none has an empty name."""
        return str(self.site.files.get(urlsplit(path).path, ""))

    def guess_type(self, path: object) -> str:
        """Return the type of a file by its suffix."""
        return TYPES.get(Path(str(path)).suffix, TYPES[".tflite"])

    def end_headers(self) -> None:
        """Add what keeps the page by itself, and fresh."""
        self.send_header("Content-Security-Policy", f"{self.site.policy}; frame-ancestors 'none'")
        self.send_header("Permissions-Policy", "microphone=(self), camera=(self)")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of single requests."""
