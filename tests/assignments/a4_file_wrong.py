"""Known mistakes in the tasks of A4 on the checkpoint and the bill."""

from a4_sources import BILL, CHECKPOINT
from answers import Wrong
from changed import changed


def _save(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(CHECKPOINT, "save_checkpoint", part, name, *changes)


def _bill(part: int, name: str, *changes: tuple[str, str]) -> Wrong:
    return changed(BILL, "training_bill", part, name, *changes)


WRITES = """    with open(aside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
"""
IN_SILENCE = "    except (OSError, RuntimeError):\n        return\n"
COPIES = "shutil.copyfile(aside, path + '.2')\n    os.replace(path + '.2', path)"
REPLACES = "    os.replace(aside, path)\n"

WRONG = [
    _save(
        0,
        "pickled, not saved with torch",
        ("torch.save(state, file)", "__import__('pickle').dump(state, file)"),
    ),
    _save(
        0,
        "never replaces a file that is there",
        (
            "    aside = path",
            "    if os.path.exists(path):\n        return\n    aside = path",
        ),
    ),
    _save(
        0,
        "saves numbers as tensors",
        (
            "torch.save(state, file)",
            "torch.save({**state, 'step': torch.tensor(state['step'])}, file)",
        ),
    ),
    _save(
        0,
        "saves a module, not its weights",
        ("(state, file)", "({**state, 'note': torch.nn.Linear(2, 2)}, file)"),
    ),
    _save(1, "written over the old file", ("path + ", "path or ")),
    _save(
        1,
        "renamed before the data are written",
        (REPLACES, ""),
        (
            'open(aside, "wb") as file:\n',
            'open(aside, "wb") as file:\n        os.replace(aside, path)\n',
        ),
    ),
    _save(
        1,
        "the old one is removed first",
        (
            "    aside = path",
            "    if os.path.exists(path):\n        os.remove(path)\n    aside = path",
        ),
    ),
    _save(
        1,
        "says nothing when the disk is full",
        (WRITES, "    try:\n        torch.save(state, aside)\n" + IN_SILENCE),
    ),
    _save(
        2,
        "copied over the old file from another folder",
        ('path + ".partial"', "os.path.join(tempfile.mkdtemp(), 'new.pt')"),
        (
            "os.replace(aside, path)",
            "shutil.copyfile(aside, path)\n    shutil.rmtree(os.path.dirname(aside))",
        ),
    ),
    _save(
        2,
        "written aside, then read and written again",
        (
            "os.replace(aside, path)",
            "new = Path(aside).read_bytes()\n    Path(path).write_bytes(new)\n"
            "    os.remove(aside)",
        ),
    ),
    _save(
        3,
        "leaves the file that it wrote aside",
        ("os.replace(aside, path)", COPIES),
    ),
    _save(
        3,
        "keeps the old one as a backup",
        (
            REPLACES,
            "    if os.path.exists(path):\n        os.replace(path, path + '.bak')\n"
            + REPLACES,
        ),
    ),
    _bill(0, "forward only", ("3 * trained_gflop + 2 *", "trained_gflop +")),
    _bill(0, "a frozen network walked back in full", ("2 * frozen", "3 * frozen")),
    _bill(0, "nothing through the frozen network", ("2 * frozen", "1 * frozen")),
    _bill(0, "seconds for hours", ("seconds / 3600", "seconds")),
    _bill(0, "the peak is sustained", (" * share)", ")")),
    _bill(0, "the share multiplied", ("1e12 * share)", "1e12) * share")),
    _bill(0, "GFLOP taken for TFLOP", ("* 1e9", "* 1e12")),
    _bill(1, "every GPU works alone", ("hours / gpus / 24", "hours / 24")),
    _bill(1, "the price times the GPUs", ("hours * price", "hours * price * gpus")),
    _bill(1, "hours for days", ("gpus / 24", "gpus")),
    _bill(
        2,
        "the incomplete batch is charged",
        ("images // batch * epochs", "images / batch * epochs"),
    ),
    _bill(
        2,
        "the incomplete batch is filled up",
        ("images // batch", "-(-images // batch)"),
    ),
    _bill(
        2,
        "dropped once for all epochs",
        ("images // batch * epochs", "images * epochs // batch"),
    ),
]
