"""Whether openheart slows down routes that are not its own, and what a variable in a rule costs."""

from __future__ import annotations

from pathlib import Path

from .load import PREFIX, run_slice
from .plan import Contender
from .servers import serve
from .stats import Spread, ratios, spread

__all__ = ["measure_routes"]

CONNECTIONS = 16


def measure_routes(
    bare: Contender, ours: Contender, folder: Path, *, rounds: int, seconds: float
) -> dict[str, Spread]:
    """Compare the same view in an application with openheart, and on a fixed rule, with the bare route.

    Args:
        bare: the application of the yardstick.
        ours: an application with openheart that has the same view under ``/host/``.
        folder: an empty folder for the servers' data.
        rounds: slices of each route.
        seconds: length of one slice.

    Returns:
        What was compared -> its ratio to the bare route.
    """
    homes = [folder / "route-bare", folder / "route-ours"]
    with (
        serve(bare.application, homes[0], settings=bare.environment(homes[0])) as plain,
        serve(ours.application, homes[1], settings=ours.environment(homes[1])) as host,
    ):
        routes = {
            "yardstick": (plain.port, PREFIX),
            "the same view in an application with openheart": (host.port, "/host/"),
            "the same view of bare Flask on a rule without a variable": (plain.port, "/fixed/"),
        }
        rates: dict[str, list[float]] = {name: [] for name in routes}
        for number in range(rounds + 1):
            for name, (port, prefix) in routes.items():
                rate = run_slice(port, "GET", 1, CONNECTIONS, seconds, prefix).rate
                if number:  # the first round warms up
                    rates[name].append(rate)
    yardstick = rates.pop("yardstick")
    return {name: spread(ratios(values, yardstick)) for name, values in rates.items()}
