"""`arcvq-shards.json`: the classes of a set of shards, and the shards it is made of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from arcvq_lite.data.shard_scan import ShardError
from arcvq_lite.written_aside import written_aside

FILE = "arcvq-shards.json"


@dataclass(frozen=True)
class ShardList:
    """What a set of shards is made of.

    Attributes:
        class_names: in the order of the labels.
        shards: the file names of the tars, in order.
        images: how many they hold.
    """

    class_names: tuple[str, ...]
    shards: tuple[str, ...]
    images: int


def write_shard_list(folder: Path, made_of: ShardList) -> None:
    """Write the list, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    with written_aside(folder / FILE) as file:
        file.write(json.dumps(asdict(made_of), indent=1).encode())


def read_shard_list(folder: Path) -> ShardList | None:
    """Read the list; None where there is none, as beside shards of other makers.

    Raises:
        ShardError: if it is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_bytes())
        made_of = ShardList(
            tuple(map(str, stored["class_names"])),
            tuple(map(str, stored["shards"])),
            int(stored["images"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise ShardError(f"{path} cannot be read ({error!r}); write it again") from (
            error
        )
    for name in made_of.shards:
        if Path(name).name != name or Path(name).suffix != ".tar":
            raise ShardError(f"{path} names {name!r}, which is no tar beside it")
    return made_of
