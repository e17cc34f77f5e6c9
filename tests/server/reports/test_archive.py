"""A workbook's archive, as other programs open it."""

import io
import shutil
import subprocess
import zipfile

import pytest

from flexprint_server.reports import archive
from flexprint_server.reports.archive import Overfull, Part, put_together


def a_part(name, *octets):
    part = Part(name, io.BytesIO())
    for some in octets:
        part.write(some)
    part.finish()
    return part


def archived(*parts):
    file = io.BytesIO()
    put_together(file, parts)
    return file


CONTENTS = {"[Content_Types].xml": b"<Types/>", "xl/büro.xml": b"<a>" + b"0123456789" * 50_000 + b"</a>", "empty": b""}


def test_what_went_in_comes_out_in_the_same_order():
    file = archived(*(a_part(name, content[:7], content[7:]) for name, content in CONTENTS.items()))
    with zipfile.ZipFile(file) as opened:
        assert opened.namelist() == list(CONTENTS)
        assert {name: opened.read(name) for name in opened.namelist()} == CONTENTS
        assert opened.testzip() is None
    assert len(file.getvalue()) < 5_000, "it is deflated"


@pytest.mark.skipif(not shutil.which("unzip"), reason="needs unzip")
def test_another_program_finds_nothing_wrong_with_it(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(archived(*(a_part(name, content) for name, content in CONTENTS.items())).getvalue())
    tested = subprocess.run(["unzip", "-t", path], capture_output=True, text=True, check=False)
    assert (tested.returncode, "No errors detected" in tested.stdout) == (0, True), tested.stdout + tested.stderr


def test_what_no_program_could_open_is_refused(monkeypatch):
    """Sizes in this form of archive have 32 bits."""
    monkeypatch.setattr(archive, "_LARGEST", 1000)
    with pytest.raises(Overfull, match="makes the file larger than 4 GiB"):
        archived(a_part("xl/large.xml", b"0" * 1001))
