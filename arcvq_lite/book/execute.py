"""Run a chapter's cells in a fresh kernel that depends on nobody's settings."""

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)
from nbformat import NotebookNode
from tqdm import tqdm

from arcvq_lite.book.outputs import drop_widget_views, find_fault
from arcvq_lite.book.record import Cost
from arcvq_lite.book.source import describe_cell

CELL_SECONDS = 300

# Evaluated in the kernel; an expression, so that it leaves no name and no count there.
# Linux would count what this process held into the usage of those it starts.
PEAK_MEMORY = (
    "__import__('pathlib').Path('/proc/self/status').read_text()"
    ".partition('VmHWM:')[2].split()[0]"
    if sys.platform == "linux"
    else "__import__('resource').getrusage(0).ru_maxrss"
)
# Linux counts in KiB, macOS in bytes.
MEMORY_UNITS_PER_MIB = 2**20 if sys.platform == "darwin" else 2**10


class ChapterError(RuntimeError):
    """A chapter that does not run, or shows what a notebook must not store."""


def run_cells(notebook: NotebookNode, name: str, folder: Path) -> Cost:
    """Run every code cell in order; counts and outputs are written into the notebook.

    Args:
        notebook: The unexecuted notebook.
        name: The chapter's name, for messages and the progress bar.
        folder: The kernel's working folder.

    Returns:
        What the run took, from the cold kernel on.

    Raises:
        ChapterError: A cell failed, ran past ``CELL_SECONDS``, or left an output that
            must not be stored; with its number and first line.
    """
    client = NotebookClient(
        notebook,
        km=_kernel_manager(),
        resources={"metadata": {"path": str(folder)}},
        timeout=CELL_SECONDS,
        coalesce_streams=True,
        # Its only warning concerns eavesdroppers, and the kernel lives on this machine.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        force_raise_errors=True,
        record_timing=False,
        store_widget_state=False,
    )
    begun = time.monotonic()
    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as settings,
        client.setup_kernel(env=_environment(settings), cleanup_kc=True),
    ):
        for position, cell in enumerate(tqdm(notebook.cells, name, unit="cell")):
            try:
                client.execute_cell(cell, position)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                where = f"{name}, {describe_cell(position, cell)}"
                raise ChapterError(f"{where} fails with {_cause(error)}") from error
            if cell.cell_type == "code":
                drop_widget_views(cell.outputs)
                _refuse_faults(cell, f"{name}, {describe_cell(position, cell)}")
        return Cost(time.monotonic() - begun, _peak_memory(client))


def _peak_memory(client: NotebookClient) -> int | None:
    """The most memory that the kernel has held, in MiB; None where it cannot say."""
    kernel: Any = client.kc
    asked = kernel.execute("", silent=True, user_expressions={"peak": PEAK_MEMORY})
    reply: Any = client.wait_for_reply(asked)
    answer = reply["content"]["user_expressions"]["peak"]
    if answer["status"] != "ok":
        return None
    return round(int(answer["data"]["text/plain"].strip("'")) / MEMORY_UNITS_PER_MIB)


def _refuse_faults(cell: NotebookNode, where: str) -> None:
    for output in cell.outputs:
        if fault := find_fault(output):
            raise ChapterError(f"{where} {fault}")


def _cause(error: Exception) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    if isinstance(error, CellTimeoutError):
        return f"no answer after {CELL_SECONDS} seconds"
    return f"the kernel's death ({error})"


def _kernel_manager() -> AsyncKernelManager:
    """A manager of kernels in this interpreter.

    With no folder to search, the ``python3`` that ipykernel describes itself is the
    only one there is, whatever kernels the user has installed under that name.
    """
    specs = KernelSpecManager(kernel_dirs=[])
    return AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)


def _environment(settings: str) -> dict[str, str]:
    """The kernel's environment: what would make one build differ from the next is set.

    Args:
        settings: An empty folder that stands in for the user's IPython profile.
    """
    return {
        **os.environ,
        "IPYTHONDIR": settings,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        # Sums are split by threads, so their last digits follow the number of threads.
        "OMP_NUM_THREADS": "2",
        # Threads that wait by spinning starve each other where cores are shared.
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONHASHSEED": "0",
        "TQDM_DISABLE": "1",
    }
