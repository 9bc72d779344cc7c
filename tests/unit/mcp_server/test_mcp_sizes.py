"""Sizes on the command line."""

import click
import pytest
from click.testing import CliRunner

from mcp_server.cli import main
from mcp_server.sizes import reading_size, show_size

KB, MB = 1_024, 1_024 * 1_024


def read(text):
    @click.command()
    @click.option("--size", callback=reading_size(256 * KB, 3 * MB))
    def command(size):
        click.echo(size)

    result = CliRunner().invoke(command, ["--size", text])
    return int(result.output) if result.exit_code == 0 else result.output


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512KB", 512 * KB),
        ("512kb", 512 * KB),
        ("512K", 512 * KB),
        ("512 KiB", 512 * KB),
        ("3MB", 3 * MB),
        ("1.5MB", 3 * MB // 2),
        ("0.25MB", 256 * KB),
        (" 262144 ", 256 * KB),
        ("262144B", 256 * KB),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_plain_bytes(text, size):
    assert read(text) == size


@pytest.mark.parametrize("text", ["", "MB", "big", "-1MB", "1e6", "5TB", "1,5MB", "3MBs", "٣MB", "1" * 13])
def test_what_is_no_size_is_refused_with_what_is_allowed(text):
    assert f"{text!r} is not a size; 256KB to 3MB are allowed, such as 512KB." in read(text)


@pytest.mark.parametrize("text", ["0", "255KB", "262143", "3.001MB", "4MB", "5GB", "999999999999"])
def test_a_size_out_of_bounds_is_refused_with_what_is_allowed(text):
    assert f"{text!r} is out of range; 256KB to 3MB are allowed" in read(text)


@pytest.mark.parametrize(
    ("size", "text"), [(3 * MB, "3MB"), (512 * KB, "512KB"), (2 * 1_024 * MB, "2GB"), (1_000, "1000B")]
)
def test_a_size_is_shown_in_the_largest_unit_that_leaves_no_rest(size, text):
    assert show_size(size) == text


def test_the_option_is_refused_before_anything_starts():
    result = CliRunner().invoke(main, ["dev", "--max-event-size", "4MB"])

    assert result.exit_code == 2
    assert "256KB to 3MB are allowed" in result.output
