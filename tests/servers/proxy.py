"""A TCP proxy that can speak TLS, and that can lose replies to what the server has carried out."""

from __future__ import annotations

import asyncio
import random
import ssl
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any

import trustme

__all__ = ["Proxy", "certificate"]

CHUNK = 65536


class Proxy:
    """Passes bytes on both ways, for any number of connections, all in one thread.

    It suits protocols in which a client sends a request and waits for its reply.

    Args:
        port: the server's port on this machine.
        tls: the proxy's certificate, where clients come with TLS; the server gets plain text.

    Attributes:
        port: where clients connect.
        lost: how many replies were lost.
        taken: how many bytes came from clients and went on.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.lost = 0
        self.taken = 0
        self._server_port = port
        self._words = b""
        self._to_lose = 0
        self._share = 1.0
        self._choose = random.Random(7)
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {port}")
        self._thread.start()
        self._listener = self._run(self._listen(tls))
        self.port: int = self._listener.sockets[0].getsockname()[1]

    def lose(self, words: bytes, times: int = 1, *, share: float = 1.0) -> None:
        """Lose replies, and break the connection instead.

        Args:
            words: bytes that the request must hold.
            times: how many to lose.
            share: which share of them is lost, by chance; 1 loses every one until all are lost.
        """
        self._words, self._to_lose, self._share = words, times, share

    def cut(self) -> None:
        """Break every connection that is open now."""

        async def cut() -> None:
            for task in [*self._tasks]:
                task.cancel()

        self._run(cut())

    def close(self) -> None:
        """Break every connection and take no more."""
        if self._loop.is_closed():
            return
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        # What was broken off is closed in the next turn of the loop.
        for _ in range(3):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, tls: ssl.SSLContext | None) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)

    async def _end(self) -> None:
        # Who was accepted in this very turn of the loop becomes a task in the turns after it.
        for each in self._listener.sockets:
            self._loop.remove_reader(each.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
        self._listener.close()
        while tasks := [*self._tasks]:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        away: asyncio.StreamWriter | None = None
        try:
            back, away = await asyncio.open_connection("127.0.0.1", self._server_port)
            link = Link()
            ways = {
                asyncio.create_task(self._forward(reader, away, link)),
                asyncio.create_task(self._back(back, writer, link)),
            }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, away):
                if end is not None:
                    end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, away: asyncio.StreamWriter, link: Link) -> None:
        while data := await reader.read(CHUNK):
            link.loses = link.loses or self._chooses(data)
            away.write(data)
            await away.drain()
            self.taken += len(data)

    async def _back(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link) -> None:
        while data := await back.read(CHUNK):
            if link.loses:
                self.lost += 1
                return
            writer.write(data)
            await writer.drain()

    def _chooses(self, data: bytes) -> bool:
        if not self._to_lose or self._words not in data or self._choose.random() >= self._share:
            return False
        self._to_lose -= 1
        return True

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate for this machine, of an authority whose own is in ``ca.pem`` in the folder."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


class Link:
    """One connection through the proxy; ``loses`` says whether its next reply is to be lost."""

    loses = False
