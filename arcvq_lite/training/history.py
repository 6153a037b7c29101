"""History: what a run logged, as columns to draw."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class History:
    """What a run logged: one row a logged step, one column a name.

    Attributes:
        steps: the logged steps, ascending.
        columns: values by name, each list as long as `steps`.
    """

    steps: list[int] = field(default_factory=list)
    columns: dict[str, list[float]] = field(default_factory=dict)

    def append(self, step: int, row: dict[str, float]) -> None:
        """Log a row; every row has the names of the first.

        Raises:
            ValueError: if the names differ from the first row's.
        """
        if self.steps and row.keys() != self.columns.keys():
            raise ValueError(
                f"row has {sorted(row)}, the rows before have {sorted(self.columns)}"
            )
        self.steps.append(step)
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    @property
    def names(self) -> list[str]:
        """The logged quantities, in the order in which they were logged."""
        return list(self.columns)

    def __getitem__(self, name: str) -> list[float]:
        """The values of one quantity, one a logged step.

        Raises:
            KeyError: if nothing was logged under that name.
        """
        if name not in self.columns:
            raise KeyError(f"{name!r} was not logged; there are {self.names}")
        return self.columns[name]

    def final(self, name: str) -> float:
        """The last logged value of one quantity."""
        return self[name][-1]
