"""A book of one small chapter, for the tests of building and checking."""

import json
from collections.abc import Callable
from pathlib import Path

from arcvq_lite.book.source import HEADER

GOOD = """
# %% [markdown]
# # 03 · Margins
#
# A picture first.

# %%
from pathlib import Path
from tqdm import tqdm

for word in tqdm(["theta", "margin", "code"]):
    print(word)
print({word for word in "abcdefghij"}, Path.cwd().name)

# %% tags=["cover"]
VIEW = "application/vnd.jupyter.widget-view+json"
html = '<img alt="m = 0.1" src="data:image/png;base64,UE5H">'
display({VIEW: {"model_id": str(object())}, "text/html": html}, raw=True)

# %% tags=["solution"] jupyter={"source_hidden": true}
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(1, 1))
axes.plot([1, 2], [1, 2])
plt.show()

# %%
1 + 1
"""


def write_chapter(root: Path, body: str, name: str = "03_margins") -> Path:
    (root / "chapters").mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").touch()
    source = root / "chapters" / f"{name}.py"
    source.write_text(HEADER + body, encoding="utf-8", newline="\n")
    return source


def notebook_path(root: Path) -> Path:
    return root / "chapters" / "03_margins.ipynb"


def edit_notebook(root: Path, change: Callable[[dict], object]) -> None:
    """Change a notebook's content and write it exactly as the builder lays it out."""
    content = json.loads(notebook_path(root).read_text(encoding="utf-8"))
    change(content)
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    notebook_path(root).write_text(text + "\n", encoding="utf-8", newline="\n")
