"""Reads and writes configuration files that belong to somebody else: all or nothing, and as they were."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from uuid import uuid4

_MARK: Final = b"\xef\xbb\xbf"
_MOST_BYTES: Final = 16 * 1024 * 1024


class FileError(Exception):
    """A file that cannot be used; `str()` says why, without its name."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file held when it was read; `path` has no symbolic links left, `data` is None for no file."""

    path: Path
    data: bytes | None

    @property
    def text(self) -> str:
        """The content without a byte order mark, its line ends as they are."""
        return (self.data or b"").removeprefix(_MARK).decode()


def read_config(path: Path) -> ConfigFile:
    """Read a file that may not exist yet.

    Raises:
        FileError: it is there but cannot be read as text, or a link leads nowhere.
    """
    try:
        target = path.resolve(strict=True)
    except FileNotFoundError:
        if path.is_symlink():
            raise FileError("it is a symbolic link to a file that does not exist") from None
        return ConfigFile(path, None)
    except (OSError, RuntimeError) as fault:
        raise FileError(_reason(fault)) from None
    try:
        # Anything but a file could keep us waiting, or not be ours to write to.
        if not stat.S_ISREG(target.stat().st_mode):
            raise FileError("it is not a file")
        if target.stat().st_size > _MOST_BYTES:
            raise FileError("it is larger than any configuration")
        config = ConfigFile(target, target.read_bytes())
        config.text  # noqa: B018 - whether it can be decoded
    except UnicodeDecodeError:
        raise FileError("it is not UTF-8") from None
    except OSError as fault:
        raise FileError(_reason(fault)) from None
    return config


def write_config(config: ConfigFile, text: str, *, backup: bool = False) -> Path | None:
    """Put `text` in place of what the file held; return the copy of the old content, if one was asked for.

    Somebody who reads meanwhile sees the old content or the new, and after a crash one of them is there.

    Raises:
        FileError: nothing was written, for the reason given.
    """
    mark = _MARK if (config.data or b"").startswith(_MARK) else b""
    fresh = config.path.with_name(f".{config.path.name}.{uuid4().hex}")
    try:
        config.path.parent.mkdir(parents=True, exist_ok=True)
        kept = _keep(config) if backup and config.data is not None else None
        _create(fresh, mark + text.encode(), like=config.path)
        if _content(config.path) != config.data:
            raise FileError("it was changed by somebody else meanwhile; try again")
        fresh.replace(config.path)
    except OSError as fault:
        raise FileError(_reason(fault)) from None
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    return kept


def _keep(config: ConfigFile) -> Path:
    """Copy the old content to a name that is free: an older copy may be the one that somebody needs."""
    for number in count():
        copy = config.path.with_name(f"{config.path.name}.bak{number or ''}")
        with suppress(FileExistsError):
            _create(copy, config.data or b"", like=config.path)
            return copy
    raise AssertionError("counting does not end")


def _create(path: Path, data: bytes, *, like: Path) -> None:
    """Write a new file with the rights of `like`, which may not exist; it may hold keys from the start."""
    old = like.stat() if like.exists() else None
    mode = stat.S_IMODE(old.st_mode) if old else 0o666
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    if old:
        path.chmod(mode)
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(path, old.st_uid, old.st_gid)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _reason(fault: Exception) -> str:
    sentence = getattr(fault, "strerror", None) or str(fault)
    return f"{sentence[:1].lower()}{sentence[1:]}"
