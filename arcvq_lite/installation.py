"""What is installed and what is missing, for `arcvq check`.

Nothing is changed and nothing printed: every part answers with a `Finding`.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
SET_UP = "run `python3 start.py setup`"


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Args:
        name: What was looked for.
        ok: Whether what is needed is there.
        detail: What was found, in a few words.
        remedy: What to do where it is missing; empty where all is well.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def inspect_installation() -> list[Finding]:
    """Look at everything that the library and the chapters need.

    Returns:
        One finding for each part, in the order in which they build on one another.
    """
    return [
        find_python(),
        find_torch(),
        find_threads(),
        find_gpu(),
        find_kernel(),
        find_trust(CHECKOUT / "chapters"),
        find_offline_images(),
        find_downloads(),
    ]


def find_python() -> Finding:
    """The interpreter's version, which must be 3.11 to 3.13."""
    found = f"{platform.python_version()} ({sys.executable})"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", True, found)
    return Finding("Python", False, found, "use Python 3.11, 3.12 or 3.13")


def find_torch() -> Finding:
    """PyTorch and torchvision, which must have been built for one another."""
    try:
        import torch
        import torchvision
    except (ImportError, OSError, RuntimeError) as error:
        # A torchvision built for another torch fails while it registers its operators.
        reason = str(error).splitlines()[0]
        remedy = "install the two together: `pip install --upgrade torch torchvision`"
        return Finding("torch", False, reason, remedy)
    detail = f"{torch.__version__} with torchvision {torchvision.__version__}"
    return Finding("torch", True, detail)


def find_threads() -> Finding:
    """How many processor threads PyTorch uses."""
    if find_spec("torch") is None:
        return Finding("threads", False, "no torch to ask", SET_UP)
    import torch

    return Finding("threads", True, f"{torch.get_num_threads()} for PyTorch")


def find_gpu() -> Finding:
    """The accelerator, if there is one; the chapters need none."""
    if find_spec("torch") is None:
        return Finding("GPU", False, "no torch to ask", SET_UP)
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, f"CUDA, {torch.cuda.get_device_name()}")
    if torch.backends.mps.is_available():
        return Finding("GPU", True, "MPS")
    return Finding("GPU", True, "none; the chapters run on the processor")


def find_kernel() -> Finding:
    """The Jupyter kernel `python3`, which must run this interpreter."""
    try:
        import ipykernel  # noqa: F401
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return Finding("Jupyter kernel", False, "Jupyter is not installed", SET_UP)
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Finding("Jupyter kernel", False, "there is no `python3`", SET_UP)
    program = Path(spec.argv[0])
    # Jupyter itself puts its own interpreter for a bare `python`.
    if program.name == str(program) or program.absolute() == Path(sys.executable):
        return Finding("Jupyter kernel", True, f"python3 in {spec.resource_dir}")
    detail = f"`python3` in {spec.resource_dir} runs {program}"
    remedy = f"`{sys.executable} -m ipykernel install --sys-prefix`"
    return Finding("Jupyter kernel", False, detail, remedy)


def find_trust(folder: Path) -> Finding:
    """Whether Jupyter trusts the chapters, and so shows their figures and sliders.

    Args:
        folder: Where the notebooks stand; need not exist.
    """
    notebooks = sorted(folder.glob("*.ipynb"))
    if not notebooks:
        detail = f"no notebooks in {folder}; they are in the repository"
        return Finding("chapters", True, detail)
    try:
        import nbformat
        from nbformat.sign import NotebookNotary
    except ImportError:
        return Finding("chapters", False, "Jupyter is not installed", SET_UP)
    notary = NotebookNotary()
    doubtful = [
        path.name
        for path in notebooks
        if not notary.check_signature(nbformat.read(path, as_version=4))
    ]
    if not doubtful:
        return Finding("chapters", True, f"{len(notebooks)}, all trusted")
    remedy = f"`jupyter trust {folder.name}/*.ipynb`, or run `python3 start.py`"
    return Finding("chapters", False, f"not trusted: {', '.join(doubtful)}", remedy)


def find_offline_images() -> Finding:
    """The photographs and digits that other packages carry, which most chapters use."""
    carriers = ("scikit-image", "scikit-learn")
    found, missing = [], []
    for carrier in carriers:
        try:
            found.append(f"{carrier} {version(carrier)}")
        except PackageNotFoundError:
            missing.append(carrier)
    if missing:
        remedy = f"`pip install {' '.join(missing)}`"
        return Finding("photos and digits", False, "their carrier is missing", remedy)
    return Finding("photos and digits", True, f"from {' and '.join(found)}")


def find_downloads() -> Finding:
    """Which downloaded sets are there; the chapters need none of them."""
    try:
        from torchvision import datasets

        from arcvq_lite.data.downloads import DOWNLOADS, data_root
    except (ImportError, OSError, RuntimeError):
        return Finding("downloaded sets", False, "no torchvision to ask", SET_UP)
    root = data_root()
    found = []
    for name, download in DOWNLOADS.items():
        dataset = getattr(datasets, download.dataset)
        folder = getattr(dataset, "base_folder", dataset.__name__)
        if (root / folder).is_dir():
            found.append(name)
    named = ", ".join(found) or "none yet"
    return Finding("downloaded sets", True, f"{named} in {root}")
