"""Keep built indexes on disk between processes, one file per key.

A file is written under another name and renamed, so a reader sees all of it or nothing, and processes that
build at the same time simply replace equal files. Whatever goes wrong, the cache is silent: an index can
always be built again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from docs_index import naming

_MAGIC = b"stepcue-docs-index 1\n"
_DIGEST_BYTES = 32
_PREFIX = "docs-"
_SUFFIX = ".index"
# One for each set of corpora that is in use: projects have folders of their own, and each edit there makes
# another. The newest is kept however large it is.
_KEPT = 16
_KEPT_BYTES = 200 * 1024 * 1024
_ABANDONED_S = 3600.0
_MAX_BYTES = 512 * 1024 * 1024


def default_directory() -> Path | None:
    """Return Stepcue's folder in the user's cache, or None when the user has no home."""
    caches = naming.user_folder("XDG_CACHE_HOME", ".cache")
    return caches and caches / "stepcue"


class IndexCache:
    """The index files in one folder; without a usable folder it keeps nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def load(self, key: str) -> dict[str, bytes] | None:
        """Return the files stored under `key`, or None when there are none or they are damaged."""
        if self._directory is None:
            return None
        path = self._path(key)
        try:
            raw = _read_own(path)
        except OSError:
            return None
        files = _unpack(raw)
        if files is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # the age of a key is the time since its last use
        return files

    def store(self, key: str, files: Mapping[str, bytes]) -> bool:
        """Store files under `key`, replacing what is there; return False when the folder cannot be used."""
        if self._directory is None:
            return False
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(self._directory.stat()):
                return False
            _write_whole(self._path(key), _pack(files))
        except OSError:
            return False
        self._prune()
        return True

    def _path(self, key: str) -> Path:
        return (self._directory or Path()) / f"{_PREFIX}{key}{_SUFFIX}"

    def _prune(self) -> None:
        """Remove all but the newest keys, as far as there is room, and what interrupted writers left."""
        folder = self._directory or Path()
        with contextlib.suppress(OSError):
            size = 0
            for place, path in enumerate(_newest_first(folder.glob(f"{_PREFIX}*{_SUFFIX}"))):
                size += path.stat().st_size
                if place >= _KEPT or (place and size > _KEPT_BYTES):
                    path.unlink(missing_ok=True)
            for path in _newest_first(folder.glob(f"{_PREFIX}*.tmp")):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink(missing_ok=True)


def _newest_first(paths: Iterable[Path]) -> list[Path]:
    dated: list[tuple[float, Path]] = []
    for path in paths:
        with contextlib.suppress(OSError):  # another process may prune at the same time
            dated.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(dated, reverse=True)]


def _is_ours(status: os.stat_result) -> bool:
    """Return True when nobody else can have written there; an index holds a pickle, so this is required."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read_own(path: Path) -> bytes:
    if not _is_ours(path.parent.stat()):
        raise PermissionError(path.parent)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not (stat.S_ISREG(status.st_mode) and _is_ours(status) and status.st_size <= _MAX_BYTES):
            raise PermissionError(path)
        return file.read()


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _pack(files: Mapping[str, bytes]) -> bytes:
    """Return magic, SHA-256 of the rest, one JSON line of [name, size] pairs, then the contents."""
    names = json.dumps([[name, len(content)] for name, content in files.items()]).encode()
    payload = b"".join((names, b"\n", *files.values()))
    return _MAGIC + hashlib.sha256(payload).digest() + payload


def _unpack(raw: bytes) -> dict[str, bytes] | None:
    head = len(_MAGIC) + _DIGEST_BYTES
    payload = raw[head:]
    if not raw.startswith(_MAGIC) or hashlib.sha256(payload).digest() != raw[len(_MAGIC) : head]:
        return None
    names, _, contents = payload.partition(b"\n")
    files: dict[str, bytes] = {}
    start = 0
    for name, size in json.loads(names):
        files[name] = contents[start : start + size]
        start += size
    return files
