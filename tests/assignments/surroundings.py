"""What lies around a nursery in a test, and must be as it was when all is over."""

import os
import socket
import threading
from contextlib import contextmanager
from pathlib import Path

from tiny_task import Unit

import arcvq_lite
from arcvq_lite.grading.limits import Limits
from arcvq_lite.grading.means import MEANS
from arcvq_lite.grading.nursery import Nursery
from arcvq_lite.grading.processes import descendants, started_as

LIMITS = Limits(
    seconds_a_call=6.0,
    seconds_to_load=1.5,
    memory_mb=400,
    file_mb=8,
    processes=24,
    reply_mb=16,
)
VARIABLE = "ARCVQ_TEST_VARIABLE"


class Course:
    """A nursery, and what lies around it and must stay as it is."""

    def __init__(self, folder, listener, means):
        folder.chmod(0o777)  # whatever denies it to a submission, this does not
        self.secret = folder / "secret.py"
        self.secret.write_text("def answer(x):\n    return 2 * x\n", "ascii")
        self.target = folder / "marks.txt"
        self.listener = listener
        self.names = {
            "SECRET": self.secret,
            "PACKAGE": Path(arcvq_lite.__file__).parents[1],
            "TARGET": self.target,
            "PORT": listener.getsockname()[1],
            "VARIABLE": VARIABLE,
        }
        self.nursery = Nursery(LIMITS, hidden=[self.secret], means=means)

    def units(self, hostile):
        source = hostile.source
        for name, value in self.names.items():
            source = source.replace(name, str(value))
        return [Unit(source)]

    def traces(self):
        """All that a submission could have left behind, or taken away."""
        base = self.nursery._base
        visited = True
        try:
            self.listener.accept()
        except BlockingIOError:
            visited = False
        return {
            "files": sorted(os.listdir(self.target.parent)),
            "secret": self.secret.read_bytes(),
            "workplaces": [name for name in os.listdir(base) if "work" in name],
            "processes": len(descendants(os.getpid())),
            "marked": len(started_as(str(base))),
            "threads": threading.active_count(),
            "open": len(os.listdir("/proc/self/fd")),
            "here": os.getcwd(),
            "visited": visited,
        }


@contextmanager
def course_in(folder, means=MEANS):
    """A course with an open nursery, a listening socket and a secret variable."""
    os.environ[VARIABLE] = "of the instructor"
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            course = Course(folder, listener, means)
            with course.nursery:
                yield course
    finally:
        del os.environ[VARIABLE]
