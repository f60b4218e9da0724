"""Make the sample of `data=series` again: `python scripts/make_series.py`."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

PATH = Path(__file__).parents[1] / "data" / "samples" / "series" / "hourly.csv"
NUM_DAYS = 150
START = datetime(2024, 1, 1)


def make_series() -> dict[str, npt.NDArray[np.float64]]:
    """Hourly temperature, demand for heat and light, and wind, invented: with days, weeks and weather."""
    random = np.random.RandomState(0)
    hours = np.arange(24 * NUM_DAYS)
    day, week = 2 * np.pi * hours / 24, hours // 24 % 7

    def wander(hours_kept: float, scale: float) -> npt.NDArray[np.float64]:
        """An autoregressive process with standard deviation `scale` and a half-life of `hours_kept` hours."""
        kept = 0.5 ** (1 / hours_kept)
        values = random.normal(0, scale * np.sqrt(1 - kept**2), len(hours))
        for hour in hours[1:]:
            values[hour] += kept * values[hour - 1]
        return values

    temperature = 8 - 4 * np.cos(day - 0.8) + wander(48, 3) + wander(2, 0.5)
    at_work = np.where(week < 5, 1.0, 0.6)
    light = 30 * at_work * (1.2 - np.cos(day) - 0.5 * np.cos(2 * day - 0.5))
    demand = 150 + light + 3.5 * np.maximum(15 - temperature, 0) + wander(6, 5)
    wind = np.maximum(6 + wander(30, 3) + wander(2, 1), 0)
    return {"temperature": temperature, "demand": demand, "wind": wind}


def write_series(path: Path) -> None:
    series = make_series()
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["time", *series])
        for hour, row in enumerate(zip(*series.values(), strict=True)):
            stamp = (START + timedelta(hours=hour)).isoformat(" ", "minutes")
            table.writerow([stamp, *(f"{value:.1f}" for value in row)])


if __name__ == "__main__":
    write_series(PATH)
