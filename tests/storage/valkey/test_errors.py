from __future__ import annotations

import pytest
from valkey._parsers import _RESP2Parser

from openheart.storage.valkey.errors import Lost, Verdict, fix_for, judge
from openheart.system.breaker import Unavailable


def parsed(answer: str) -> Exception:
    error: Exception = _RESP2Parser.parse_error(answer)  # type: ignore[no-untyped-call]
    return error


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("LOADING Valkey is loading the dataset in memory", Verdict.NOT_READY),
        ("CLUSTERDOWN The cluster is down", Verdict.NOT_READY),
        ("CLUSTERDOWN Hash slot not served", Verdict.NOT_READY),
        (
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            Verdict.NOT_READY,
        ),
        ("BUSY Valkey is busy running a script. You can only call SCRIPT KILL", Verdict.NOT_READY),
        ("READONLY You can't write against a read only replica.", Verdict.READ_ONLY),
        (
            "ERR Error running script (call to f_1): @user_script:14: -READONLY You can't write",
            Verdict.READ_ONLY,
        ),
        ("NOREPLICAS Not enough good replicas to write.", Verdict.READ_ONLY),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Verdict.AGAIN),
        ("MOVED 3999 127.0.0.1:6381", Verdict.AGAIN),
        ("ASK 3999 127.0.0.1:6381", Verdict.ASK),
        ("NOSCRIPT No matching script. Please use EVAL.", Verdict.NO_SCRIPT),
        ("OOM command not allowed when used memory > 'maxmemory'.", Verdict.UNUSABLE),
        ("NOPERM User openheart has no permissions to run the 'hincrby' command", Verdict.UNUSABLE),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", Verdict.UNUSABLE),
        ("NOAUTH Authentication required.", Verdict.UNUSABLE),
        ("MISCONF Valkey is configured to save RDB snapshots, but cannot persist on disk.", Verdict.UNUSABLE),
        ("ERR unknown command 'EVALSHA'", Verdict.UNUSABLE),
        ("ERR something that nobody foresaw", Verdict.UNUSABLE),
    ],
)
def test_what_a_server_answers_says_whether_to_try_again(answer: str, verdict: Verdict) -> None:
    assert judge(parsed(answer)) is verdict


def test_what_was_not_sent_and_what_was_not_answered_are_told_apart() -> None:
    assert judge(Unavailable("x")) is Verdict.AGAIN
    assert judge(Lost("x")) is Verdict.LOST


def test_a_refusal_that_nobody_foresaw_points_at_the_log() -> None:
    assert fix_for(parsed("ERR something that nobody foresaw")) == "check its log"
