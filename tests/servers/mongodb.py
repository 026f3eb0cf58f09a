"""Starts a server that speaks MongoDB's wire protocol: a mongod where there is one, else mongo-java-server.

OPENHEART_TEST_MONGODB_URI names a server for the contract instead. What is killed, frozen and made to
fail in the tests is always a server of their own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Literal

import pymongo
from pymongo.errors import PyMongoError

from ..requirements import CACHE, draft_of, missing
from .ports import free_port
from .process import ServerProcess

__all__ = ["GIVEN", "Kind", "MongoServer"]

GIVEN = "OPENHEART_TEST_MONGODB_URI"
"""The variable that may name a server for the contract."""

Kind = Literal["standalone", "replica-set"]

VERSION = "1.47.0"
SOURCE = Path(__file__).parent / "MongoWireServer.java"
START = 60.0  # seconds

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server-h2-backend</artifactId><version>{VERSION}</version>
  </dependency></dependencies>
</project>
"""


class MongoServer(ServerProcess):
    """One server process on a free port. It keeps its data in a folder, over restarts.

    Args:
        kind: whether it is a server alone, or a replica set of one.
        folder: where its data is.
        large: whether it shall hold a million targets: Java gets more memory, and keeps them in it.

    Attributes:
        uri: where it listens; ``directConnection`` because nobody else is in the set.
    """

    def __init__(self, kind: Kind, folder: Path, *, large: bool = False) -> None:
        self.kind = kind
        self._large = large
        self._folder = folder
        self._port = free_port()
        self.uri = f"mongodb://127.0.0.1:{self._port}/?directConnection=true"
        self.start()

    def start(self) -> None:
        """Start it, again after ``kill()``, and wait until it takes writes."""
        mongod = shutil.which("mongod")
        command = self._mongod(mongod) if mongod else self._java()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        self._wait(is_mongod=mongod is not None)

    def fail(self, *commands: str, times: int = 1, **how: Any) -> None:
        """Make the next commands of these names fail; see failCommand in MongoDB's documentation."""
        data = {"failCommands": [*commands], **how}
        with self.client() as client:
            client.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=data)

    def empty(self) -> None:
        """Drop every database of the tests."""
        with self.client() as client:
            # The last first: mongo-java-server cannot drop `a-b` once it has dropped `a`.
            for name in sorted(client.list_database_names(), reverse=True):
                if name not in {"admin", "config", "local"}:
                    client.drop_database(name)

    def client(self) -> pymongo.MongoClient[dict[str, Any]]:
        """A client for looking at the server from outside."""
        return pymongo.MongoClient(self.uri, serverSelectionTimeoutMS=START * 1000)

    def _mongod(self, mongod: str) -> list[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [mongod, "--dbpath", str(self._folder), "--port", str(self._port), "--bind_ip", "127.0.0.1"]
        command += ["--setParameter", "enableTestCommands=1"]
        return [*command, "--replSet", "tests"] if self.kind == "replica-set" else command

    def _java(self) -> list[str]:
        self._folder.mkdir(parents=True, exist_ok=True)
        jars = _jars()
        main = ["-cp", f"{jars}/*{os.pathsep}{_compiled(jars)}", SOURCE.stem]
        options = ["-Xmx3g" if self._large else "-Xmx256m", "-Dslf4j.internal.verbosity=ERROR"]
        # It lives for seconds, and starts sooner where Java does not prepare for hours.
        options += [] if self._large else ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        file = [] if self._large else [str(self._folder / "data.h2")]
        return ["java", *options, *main, self.kind, str(self._port), *file]

    def _wait(self, *, is_mongod: bool) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START
        while True:
            try:
                with pymongo.MongoClient[dict[str, Any]](self.uri, serverSelectionTimeoutMS=250) as client:
                    if is_mongod and self.kind == "replica-set":
                        _initiate(client, self._port)
                    if client.admin.command("hello")["isWritablePrimary"]:
                        return
            except PyMongoError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.close()
                    raise AssertionError(f"the MongoDB server did not start: {error}") from error


def _initiate(client: pymongo.MongoClient[dict[str, Any]], port: int) -> None:
    try:
        client.admin.command("replSetGetStatus")
    except PyMongoError:
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        client.admin.command("replSetInitiate", {"_id": "tests", "members": members})


def _jars() -> Path:
    folder = CACHE / f"mongo-java-server-{VERSION}"
    if not (shutil.which("java") and (folder.is_dir() or shutil.which("mvn"))):
        missing(
            "a MongoDB server",
            "install mongod, or Java 17 and Maven (Debian: apt-get install default-jdk-headless maven), "
            f"or name one in {GIVEN}",
        )
    if not folder.is_dir():
        _download(folder)
    return folder


def _compiled(jars: Path) -> Path:
    folder = CACHE / f"mongo-wire-server-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        path = os.pathsep.join(str(jar) for jar in jars.glob("*.jar"))
        compiler = ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main", "-cp", path]
        with draft_of(folder) as draft:
            subprocess.run([*compiler, "-d", str(draft), str(SOURCE)], check=True, timeout=START)
    return folder


def _download(folder: Path) -> None:
    command = ["mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=."]
    with draft_of(folder) as draft:
        (draft / "pom.xml").write_text(POM, encoding="utf-8")
        done = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=300)
        if done.returncode:
            missing("mongo-java-server", f"Maven could not download it: {done.stdout[-500:]}")
