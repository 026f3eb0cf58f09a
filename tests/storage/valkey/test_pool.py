"""The pool of connections."""

from __future__ import annotations

import threading
from typing import Any

from openheart.storage.valkey.pool import ConnectionPool


class Connection:
    """As much of a connection as the pool touches."""

    dropped = 0

    def open(self) -> None:
        pass

    def drop(self) -> None:
        self.dropped += 1


def test_a_connection_that_comes_back_while_the_pool_is_closed_is_dropped_once() -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(Connection())
        return made[-1]

    pool = ConnectionPool(make, 1, 1.0)

    class Idle(list[Any]):
        """Another thread closes the pool just before the first is taken out."""

        is_first = True

        def pop(self, *arguments: Any) -> Any:
            if self.is_first:
                self.is_first = False
                other = threading.Thread(target=pool.close)
                other.start()
                other.join()
            return super().pop(*arguments)

    lent = pool.get()
    pool.close()
    pool._idle = Idle()
    pool.put(lent)
    assert [each.dropped for each in made] == [1]
    assert pool._idle == []
