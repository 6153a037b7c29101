"""`arcvq check` finds what is there, and says what to do about what is not."""

import importlib.metadata
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbformat.sign import NotebookNotary

from arcvq_lite import installation


@pytest.fixture
def private_jupyter(monkeypatch, tmp_path):
    """Jupyter's own files go to an empty folder, for kernels and for trust."""
    folder = tmp_path / "jupyter"
    folder.mkdir()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def chapters(tmp_path):
    folder = tmp_path / "chapters"
    folder.mkdir()
    cell = nbformat.v4.new_code_cell("1 + 1", id="one")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "00_start.ipynb")
    return folder


def test_everything_is_found_in_this_environment():
    findings = {f.name: f for f in installation.inspect_installation()}
    needed = ["Python", "torch", "threads", "GPU", "photos and digits"]
    assert [findings[name].ok for name in needed] == [True] * len(needed)
    assert all(finding.detail for finding in findings.values())


def test_whatever_is_missing_comes_with_a_remedy():
    for finding in installation.inspect_installation():
        assert finding.ok != bool(finding.remedy)


def test_a_python_out_of_range_is_missing(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    finding = installation.find_python()
    assert not finding.ok
    assert "3.13" in finding.remedy


def test_a_torchvision_of_another_torch_is_named(monkeypatch):
    # None in sys.modules makes an import fail, as a library that does not load does.
    monkeypatch.setitem(sys.modules, "torchvision", None)
    finding = installation.find_torch()
    assert not finding.ok
    assert "torchvision" in finding.remedy


def test_notebooks_count_as_trusted_once_signed(chapters, private_jupyter):
    before = installation.find_trust(chapters)
    assert not before.ok
    assert "00_start.ipynb" in before.detail
    notebook = nbformat.read(chapters / "00_start.ipynb", as_version=4)
    NotebookNotary().sign(notebook)
    assert installation.find_trust(chapters).ok


def test_an_installed_package_has_no_chapters_and_says_so(tmp_path):
    finding = installation.find_trust(tmp_path / "chapters")
    assert finding.ok
    assert "repository" in finding.detail


def give_kernel(monkeypatch, argv):
    class Spec:
        resource_dir = "kernels/python3"

    Spec.argv = argv
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: Spec)


@pytest.mark.parametrize("program", ["python", sys.executable])
def test_a_kernel_of_this_python_is_right(monkeypatch, program):
    give_kernel(monkeypatch, [program, "-m", "ipykernel_launcher"])
    assert installation.find_kernel().ok


def test_a_kernel_of_another_python_is_wrong(monkeypatch, tmp_path):
    give_kernel(monkeypatch, [str(tmp_path / "python"), "-m", "ipykernel_launcher"])
    finding = installation.find_kernel()
    assert not finding.ok
    assert "ipykernel install" in finding.remedy


def test_no_kernel_is_missing(monkeypatch):
    def refuse(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", refuse)
    assert not installation.find_kernel().ok


def test_the_carriers_of_the_photographs_are_named(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation, "version", absent)
    finding = installation.find_offline_images()
    assert not finding.ok
    assert "scikit-image scikit-learn" in finding.remedy


def test_downloaded_sets_are_listed_where_they_are(monkeypatch, tmp_path):
    monkeypatch.setenv("ARCVQ_DATA", str(tmp_path))
    assert "none yet" in installation.find_downloads().detail
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "MNIST").mkdir()
    detail = installation.find_downloads().detail
    assert "mnist, cifar10" in detail
    assert str(tmp_path) in detail
