"""The command: ``python -m benchmarks``."""

from __future__ import annotations

import functools
import signal
import tempfile
from pathlib import Path
from types import FrameType

import click

from .dispatch import dispatch_cost
from .engine_report import render_engines
from .engines import measure_engines
from .environment import CACHE, load_note, machine, peer_python
from .footprint import batch_gain, import_times, worker_memory
from .plan import BARE, FULL, MANY_PAGES, all_cells, contenders, quick_cells, server_cells
from .rates import measure
from .report import Findings, render
from .routes import measure_routes
from .servers import SERVERS, ServerKind

RESULTS = Path(__file__).with_name("RESULTS.md")
ENGINES = Path(__file__).with_name("ENGINES.md")
DISPATCH_ROUNDS = 501
PARTS = ("rates", "servers", "host", "import", "memory", "batch", "engines")


@click.command()
@click.option("--quick", is_flag=True, help="One process, the hot page, few rounds: about five minutes.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each comparison  [default: 9; quick: 3]")
@click.option("--seconds", type=float, default=0.6, show_default=True, help="Length of one slice of load.")
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Run this part only; may be repeated.")
@click.option(
    "--server", type=click.Choice(SERVERS), default="gunicorn", show_default=True, help="The WSGI server."
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Where to write  [default: RESULTS.md for a full run]"
)
def main(
    quick: bool,
    rounds: int | None,
    seconds: float,
    only: tuple[str, ...],
    server: ServerKind,
    output: Path | None,
) -> None:
    """Measure openheart beside a bare Flask route, flask-openheart and bare database drivers; print ratios.

    The part "engines" is a report of its own, ENGINES.md; a quick run only prints it.
    """
    signal.signal(signal.SIGTERM, _stop)
    CACHE.mkdir(exist_ok=True)
    if output is None and not quick and not only and server == "gunicorn":
        output = RESULTS
    rounds = rounds or (3 if quick else 9)
    parts = only or (tuple(part for part in PARTS if part != "servers") if quick else PARTS)
    findings = Findings(machine(server), server, rounds, seconds)
    if quick or only:
        findings.notes.append("This run measured a part only; `make bench` measures all of it.")
    if note := load_note():
        findings.notes.append(note)
    if set(parts) != {"engines"}:
        with tempfile.TemporaryDirectory(prefix="run-", dir=CACHE, ignore_cleanup_errors=True) as folder:
            _run(findings, parts, Path(folder), quick)
        _publish(render(findings), output)
    checks = findings.own_checks()
    if "engines" in parts:
        engines = measure_engines(quick=quick, rounds=findings.rounds, seconds=seconds, say=_say)
        engines.notes += [note] if note else []
        _publish(render_engines(engines, findings.machine), None if quick else ENGINES)
        checks += engines.checks()
    if any(check.failures for check in checks):
        raise SystemExit(1)


def _publish(text: str, output: Path | None) -> None:
    click.echo(text)
    if output is not None:
        output.write_text(text, encoding="utf-8")
        click.echo(f"Written to {output}", err=True)


def _run(findings: Findings, parts: tuple[str, ...], folder: Path, quick: bool) -> None:
    field = contenders(_peer_python(findings))
    bare, full = (next(one for one in field if one.name == name) for name in (BARE, FULL))
    compare = functools.partial(
        measure, folder=folder, rounds=findings.rounds, seconds=findings.seconds, say=_say
    )
    if "rates" in parts:
        cells = quick_cells() if quick else all_cells()
        if findings.server == "waitress":
            cells = [cell for cell in cells if cell.workers == 1]
        findings.rates = compare(cells, field, kind=findings.server)
    if "servers" in parts:
        for kind in SERVERS:
            if kind != findings.server:
                findings.other_servers[kind] = compare(server_cells(), [bare, full], kind=kind)
    if "host" in parts:
        _say("routes of a host application")
        findings.dispatch = dispatch_cost(DISPATCH_ROUNDS)
        findings.host = measure_routes(bare, full, folder, rounds=findings.rounds, seconds=findings.seconds)
    if "import" in parts:
        _say("import time")
        findings.imports = import_times(7 if quick else 21)
    if "memory" in parts:
        _say("memory")
        findings.memory = worker_memory(field, folder, pages=MANY_PAGES, seconds=1.0 if quick else 4.0)
    if "batch" in parts:
        _say("batch GET")
        findings.batch = batch_gain(full, folder, max(9, findings.rounds))


def _peer_python(findings: Findings) -> Path | None:
    try:
        _say("the environment of flask-openheart")
        return peer_python()
    except RuntimeError as error:
        findings.notes.append(str(error))
        return None


def _say(text: str) -> None:
    click.echo(text, err=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    # Leaves through the blocks that stop the servers.
    raise SystemExit(143)


if __name__ == "__main__":
    main()
