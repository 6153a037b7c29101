"""The line between the grader and its nursery's process, and that process's life."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from arcvq_lite.grading.processes import descendants, end, started_as

_STARTING = 300.0  # seconds; torch may have to be read from a slow disk
_ANSWERING = 60.0
_LONGEST = 65_536

# The package's own beginning is not run: it would bring in what nobody there needs.
_BOOTSTRAP = """
import sys, types
for name in ("arcvq_lite", "arcvq_lite.check"):
    package = types.ModuleType(name)
    package.__path__ = ["/".join([sys.argv[1], *name.split(".")[1:]])]
    sys.modules[name] = package
from arcvq_lite.grading.nursery_process import serve
serve(int(sys.argv[2]))
"""


class LineBrokenError(Exception):
    """Raised where the nursery's process does not answer."""


class Line:
    """A nursery's process, freshly started, and the socket to it.

    Args:
        base: a folder of the nursery's own, with an empty folder "home" in it; its
            name marks all processes that come from it.
        package: the folder of this package.
    """

    def __init__(self, base: Path, package: Path) -> None:
        self._mark = str(base)
        self._complaints = base / "complaints.txt"
        self._read = b""
        self._socket, theirs = socket.socketpair()
        number = str(theirs.fileno())
        with theirs, self._complaints.open("wb") as complaints:
            self._popen = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-B", "-c", _BOOTSTRAP),
                    *(str(package), number, self._mark),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                pass_fds=[theirs.fileno()],
                cwd=base / "home",
                env=_environment(base / "home"),
                start_new_session=True,
            )

    @property
    def process(self) -> int:
        """The number of the nursery's process."""
        return self._popen.pid

    def begin(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Send the settings; what the nursery found of this machine.

        Raises:
            LineBrokenError: if it cannot start; with its last words.
        """
        self._send(settings, ())
        try:
            return self.read(_STARTING)
        except LineBrokenError as error:
            self.close()
            told = self._complaints.read_text("utf-8", "replace").strip()
            raise LineBrokenError(f"{error}: {told[-400:]}") from error

    def ask(self, request: dict[str, Any], ends: Sequence[int]) -> dict[str, Any]:
        """Send a request with ends of pipes; the answer.

        Raises:
            LineBrokenError: if there is none.
        """
        self._send(request, ends)
        return self.read()

    def read(self, seconds: float = _ANSWERING) -> dict[str, Any]:
        """The next thing that the nursery says.

        Raises:
            LineBrokenError: if it says nothing in time, or has ended.
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                part = self._socket.recv(_LONGEST)
            except OSError as error:
                raise LineBrokenError("it does not answer") from error
            if not part:
                raise LineBrokenError("it has ended")
            self._read += part
        line, _, self._read = self._read.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """End the nursery's process and all that descends from it."""
        self._socket.close()
        try:
            self._popen.wait(timeout=2)
        except subprocess.TimeoutExpired:
            end(descendants(self._popen.pid))
            self._popen.kill()
            self._popen.wait()
        for _ in range(200):
            left = started_as(self._mark)
            if not left:
                return
            end(left)
            time.sleep(0.01)

    def _send(self, message: dict[str, Any], ends: Sequence[int]) -> None:
        line = json.dumps(message).encode("ascii") + b"\n"
        try:
            self._socket.settimeout(_ANSWERING)
            if ends:
                socket.send_fds(self._socket, [line], list(ends))
            else:
                self._socket.sendall(line)
        except OSError as error:
            raise LineBrokenError("it has ended") from error


def _environment(home: Path) -> dict[str, str]:
    """Nothing of the instructor's variables but where libraries lie."""
    given = {
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
    }
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        if name in os.environ:
            given[name] = os.environ[name]
    return given
