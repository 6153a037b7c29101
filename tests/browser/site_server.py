"""The site, built once for the tests and served on this machine alone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

REPOSITORY = Path(__file__).parents[2]
BUILD = """
import sys
from pathlib import Path
from arcvq_lite.book.site import build_site
build_site(Path(sys.argv[1]), root=Path.cwd())
"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, and keeps to itself which."""

    def log_message(self, *words: object) -> None:
        pass


def build(folder: Path) -> None:
    """Build the site as its command does, in a process of its own."""
    command = [sys.executable, "-c", BUILD, str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port; its address, with a slash at the end."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
