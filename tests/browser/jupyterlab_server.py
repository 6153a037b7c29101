"""A real JupyterLab that knows no other files, settings or trust than its own."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 90

# Every cell has to be in the page, a run may not change what the next test opens, and
# nothing may ask the network.
SETTINGS = {
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
}


@dataclass
class JupyterLabServer:
    """A running server: its folder, its process, where it answers, what it wrote."""

    notebooks: Path
    process: "subprocess.Popen[bytes]"
    address: str
    token: str
    log: Path

    def stop(self) -> None:
        """End the server and with it every kernel."""
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_jupyterlab(notebooks: Path, home: Path) -> JupyterLabServer:
    """Start JupyterLab on a folder of notebooks and wait until it answers.

    Args:
        notebooks: The folder; its notebooks are trusted.
        home: An empty folder for all that JupyterLab keeps.
    """
    folders = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    write_settings(folders["JUPYTERLAB_SETTINGS_DIR"])
    trust(notebooks, folders["JUPYTER_DATA_DIR"])
    import_paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        **{name: str(folder) for name, folder in folders.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, import_paths)),
    }
    token, port, log = secrets.token_hex(16), free_port(), home / "server.log"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={notebooks}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=notebooks,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = JupyterLabServer(
        notebooks, process, f"http://127.0.0.1:{port}", token, log
    )
    wait_for(server)
    return server


def write_settings(folder: Path) -> None:
    for name, settings in SETTINGS.items():
        path = folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf-8")


def trust(notebooks: Path, data_dir: Path) -> None:
    """Sign the notebooks, so that JupyterLab shows their stored HTML as it is."""
    notary = NotebookNotary(data_dir=str(data_dir))
    for path in sorted(notebooks.rglob("*.ipynb")):
        notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(server: JupyterLabServer) -> None:
    deadline = time.monotonic() + START_SECONDS
    status = f"{server.address}/api/status?token={server.token}"
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            urllib.request.urlopen(status, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    server.stop()
    raise RuntimeError(f"JupyterLab did not start:\n{server.log.read_text()[-3000:]}")
