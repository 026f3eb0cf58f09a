"""A key of a bucket: what can be stored under it, and how it is read and written in parts."""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from ...errors import KeyNotFound

if TYPE_CHECKING:
    from .store import Store

__all__ = ["AmazonKey", "Data"]

Data: TypeAlias = "bytes | bytearray | memoryview | str | Path | IO[bytes] | Iterable[bytes]"
"""What can be stored: bytes, text, the path of a file, a binary file, or parts as bytes."""

TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"
CHUNK = 256 * 1024  # bytes
LONGEST_KEY = 1024  # bytes


class AmazonKey:
    """A key of a bucket. Only a part of the data is in memory at a time.

    Attributes:
        name: the key.

    The methods with ``contents`` in their names are those of boto, which Quorum's users know.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = _checked(name)
        self._store = store

    def __repr__(self) -> str:
        return f"<AmazonKey {self.name!r} of {self._store.where}>"

    def put(
        self, data: Data, *, content_type: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Store data and replace what the key held. Readers see the old or the new data, never a part.

        Args:
            data: bytes, text (stored as UTF-8), the path of a file, a binary file, or parts as bytes.
            content_type: what it is, such as ``image/png``; by default ``text/plain`` for text.
            metadata: short texts to store with it.

        Raises:
            BatteryUnavailable: the server cannot be reached; nothing was stored.
            BatteryOutcomeUnknown: it did not answer; the data is stored or not. Doing it again is safe.
            BatteryError: it refuses.
            ValueError: ``content_type`` or ``metadata`` has characters that a header cannot hold.
        """
        if content_type is None:
            content_type = TEXT if isinstance(data, str) else BINARY
        extra: dict[str, Any] = {"ContentType": _header(content_type)}
        if metadata:
            extra["Metadata"] = {_header(key): _header(value) for key, value in metadata.items()}
        from .store import TRANSFER

        with _opened(data) as file, self._store.asking(self.name, writes=True):
            self._store.client.upload_fileobj(
                file, self._store.bucket, self.name, ExtraArgs=extra, Config=TRANSFER
            )

    def chunks(self) -> Iterator[bytes]:
        """The data, a part at a time.

        Raises:
            KeyNotFound: the key does not exist.
            BatteryUnavailable: the server cannot be reached, or the connection was lost before the end.
            BatteryError: it refuses.
        """
        with self._store.asking(self.name):
            body = self._store.client.get_object(Bucket=self._store.bucket, Key=self.name)["Body"]
        with body:
            while True:
                with self._store.asking(self.name):
                    chunk = body.read(CHUNK)
                if not chunk:
                    return
                yield chunk

    def read(self) -> bytes:
        """All of the data at once; raises as ``chunks``."""
        return b"".join(self.chunks())

    def open(self) -> IO[bytes]:
        """The data as a binary stream that can be read once; reading it raises as ``chunks``."""
        return io.BufferedReader(_Parts(self.chunks()), CHUNK)

    def save(self, to: str | os.PathLike[str] | IO[bytes]) -> None:
        """Write the data to a file. A file given by its path appears only when it is complete.

        Args:
            to: the path, or a binary file.

        Raises:
            KeyNotFound, BatteryError: as ``chunks``.
            OSError: the file cannot be written.
        """
        if not isinstance(to, (str, os.PathLike)):
            to.writelines(self.chunks())
            return
        path = Path(to)
        # A name for each save, because others may save to this path meanwhile. File names have a limit.
        draft = path.with_name(f"{path.name[:50]}.{secrets.token_hex(8)}.part")
        file = draft.open("xb")
        try:
            with file:
                file.writelines(self.chunks())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def exists(self) -> bool:
        """Whether the bucket has this key.

        Raises:
            BatteryUnavailable: the server cannot be reached.
            BatteryError: it refuses; Amazon does so for a missing key when the user may not list the bucket.
        """
        try:
            with self._store.asking(self.name):
                self._store.client.head_object(Bucket=self._store.bucket, Key=self.name)
        except KeyNotFound:
            return False
        return True

    def delete(self) -> None:
        """Remove the key. A missing key is not an error.

        Raises:
            BatteryUnavailable: the server cannot be reached; nothing was removed.
            BatteryOutcomeUnknown: it did not answer; the key is removed or not. Doing it again is safe.
            BatteryError: it refuses.
        """
        with self._store.asking(self.name, writes=True):
            self._store.client.delete_object(Bucket=self._store.bucket, Key=self.name)

    def set_contents_from_string(self, data: str | bytes) -> None:
        """``put`` of text or bytes."""
        self.put(data)

    def set_contents_from_file(self, file: IO[bytes]) -> None:
        """``put`` of a binary file."""
        self.put(file)

    def set_contents_from_filename(self, path: str) -> None:
        """``put`` of the file with this path."""
        self.put(Path(path))

    def get_contents_as_string(self, encoding: str | None = None) -> bytes | str:
        """``read``, as text where an encoding is given."""
        return self.read() if encoding is None else self.read().decode(encoding)

    def get_contents_to_file(self, file: IO[bytes]) -> None:
        """``save`` to a binary file."""
        self.save(file)

    def get_contents_to_filename(self, path: str) -> None:
        """``save`` to the file with this path."""
        self.save(path)


def _checked(name: str) -> str:
    if (
        not name
        or len(name.encode("utf-8")) > LONGEST_KEY
        or not name.isprintable()
        or {".", ".."} & {*name.split("/")}
    ):
        raise ValueError(
            f"{name!r} cannot be a key: expected 1 to {LONGEST_KEY} bytes without control characters, and "
            "without the parts . and .."
        )
    return name


def _header(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError(f"{value!r} cannot be sent with a key: expected ASCII without control characters")
    return value


def _opened(data: Data) -> IO[bytes]:
    if isinstance(data, str):
        data = data.encode("utf-8")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return io.BytesIO(data)
    if isinstance(data, Path):
        return data.open("rb")
    # boto3 closes the file it is given, and the caller's file must stay open.
    parts = iter(partial(data.read, CHUNK), b"") if hasattr(data, "read") else iter(data)
    return io.BufferedReader(_Parts(parts), CHUNK)


class _Parts(io.RawIOBase):
    """Parts of bytes as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._rest = bytes(part)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
