"""The house stands: imports point one way, rooms know only the floors below, the lock names no address."""

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]

MAY_NOT_IMPORT = {
    "shared/flexprint_shared": {"flexprint_agent", "flexprint_server"},
    "agent/flexprint_agent": {"flexprint_server"},
    "server/flexprint_server": {"flexprint_agent"},
}

# A room may import itself and the rooms on floors below it. Rooms outside the list are the package's own root.
FLOORS = {
    "agent/flexprint_agent": [
        {"cli"},
        {"page"},
        {"wake"},
        {"capture"},
        {"search", "read", "send"},
        {"snmp", "ipp", "pjl", "keep", "service", "targets", "settings"},
    ],
    "server/flexprint_server": [
        {"cli"},
        {"app", "leaving"},
        {"dashboard", "api"},
        {"ingest", "worker", "health", "relay_hook"},
        {"reports", "billing", "alerts"},
        {"fleet"},
        {"tenants"},
        {"mail"},
        {"database"},
        {"settings", "at_rest", "problems", "outbound"},
    ],
}
# Modules that belong to no floor: they import nothing of the package but each other and settings.
LEAVES: dict[str, set[str]] = {"agent/flexprint_agent": {"errors", "lock"}, "server/flexprint_server": {"supervise"}}


def imported(path: Path) -> set[str]:
    """Every module that the file imports, at its top or later."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room is meant"
            assert node.module
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room_of(path: Path, package: str) -> str:
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", MAY_NOT_IMPORT)
def test_imports_point_one_way(package):
    """Agent and collector meet only in shared, and shared knows neither."""
    for path in sources(package):
        roots = {module.split(".")[0] for module in imported(path)}
        assert not roots & MAY_NOT_IMPORT[package], path


@pytest.mark.parametrize("package", FLOORS)
def test_a_room_knows_only_the_rooms_below_it(package):
    floor_of = {room: number for number, rooms in enumerate(FLOORS[package]) for room in rooms}
    name = Path(package).name
    for path in sources(package):
        room = room_of(path, package)
        for module in imported(path):
            if not module.startswith(f"{name}."):
                continue
            other = module.split(".")[1]
            if other == room or room not in floor_of or other not in floor_of:
                continue
            assert floor_of[other] > floor_of[room], f"{path.relative_to(ROOT)} may not import {module}"


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_stands_on_a_floor(package):
    """A new room gets its floor; only the package's own leaves may do without."""
    rooms = {room for floor in FLOORS[package] for room in floor}
    leaves = {"__init__", "__main__", "migrations", *LEAVES[package]}
    for path in sources(package):
        assert room_of(path, package) in rooms | leaves, f"{path.relative_to(ROOT)} stands on no floor"


def test_nobody_below_the_wake_knows_keeping_and_sending_at_once():
    """Reading knows nothing of uploads, uploads nothing of the database: the wake alone joins them."""
    for path in sources("agent/flexprint_agent"):
        if room_of(path, "agent/flexprint_agent") in ("cli", "page", "wake"):
            continue
        modules = {module for module in imported(path) if module.startswith("flexprint_agent.")}
        rooms = {module.split(".")[1] for module in modules} | {room_of(path, "agent/flexprint_agent")}
        assert not {"keep", "send"} <= rooms, path


def requirements(distribution: str) -> set[str]:
    """The names of everything that installing `distribution` brings, itself included."""
    seen: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # a requirement of another platform
        applying = (r for r in map(Requirement, needed) if r.marker is None or r.marker.evaluate({"extra": ""}))
        waiting += [requirement.name for requirement in applying]
    return seen


def test_the_agent_alone_brings_nothing_of_the_server():
    """What a customer's workstation gets is the agent, the shared part, HTTP, SNMPv3, mDNS and cryptography; nothing
    else."""
    brought = requirements("flexprint-agent")
    assert "flexprint-server" not in brought
    own = {"flexprint-agent", "flexprint-shared"}
    http = {"httpx", "httpcore", "h11", "anyio", "idna", "certifi", "sniffio", "truststore", "typing-extensions"}
    sealing = {"cryptography", "cffi", "pycparser"}
    snmp_v3 = {"pysnmp", "pyasn1"}
    mdns = {"zeroconf", "ifaddr"}
    wanted = own | http | sealing | snmp_v3 | mdns
    assert brought <= wanted, brought - wanted


def test_the_agent_starts_where_the_server_is_not_installed():
    """Every module of the agent imports without a single package of the collector."""
    modules = [
        ".".join(path.relative_to(ROOT / "agent").with_suffix("").parts).removesuffix(".__init__")
        for path in sources("agent/flexprint_agent")
        if path.stem != "__main__"
    ]
    foreign = sorted(requirements("flexprint-server") - requirements("flexprint-agent"))
    program = (
        "import sys, importlib\n"
        f"for name in {foreign!r}: sys.modules[name.replace('-', '_')] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout: which files are committed is unknown")
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_lock_pins_everything_with_hashes_and_names_no_address():
    for name in ("requirements.lock", "requirements-setup.lock"):
        lock = (ROOT / name).read_text(encoding="ascii")
        pins = re.findall(r"^([a-z0-9][a-z0-9._-]*(?:\[[a-z0-9,-]+\])?)==", lock, re.MULTILINE)
        entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
        assert pins, name
        assert len(entries) == len(pins), f"{name}: a line pins no version"
        assert all("--hash=sha256:" in entry for entry in entries), name
        assert not re.search(r"https?://|file:|--index|--extra-index|--find-links", lock), name


def test_no_committed_file_holds_a_registry_address():
    """Which mirror a machine uses is that machine's affair; a committed address would follow everyone home."""
    registries = re.compile(rb"files\.pythonhosted\.|https?://(?:[\w.-]+@)?pypi\.|registry\.npmjs\.|deb\.debian\.org")
    for path in tracked():
        assert path.name != "uv.lock", "uv.lock records the address of the configured index"
        if path.suffix in (".png", ".xlsx") or path == Path(__file__):
            continue
        assert not registries.search(path.read_bytes()), path.relative_to(ROOT)


def test_steps_of_the_schema_stand_in_one_line():
    """Each step names the one before it, and its file begins with its number."""
    steps = sorted((ROOT / "server/flexprint_server/migrations/versions").glob("*.py"))
    for number, path in enumerate(steps, 1):
        named = dict(
            re.findall(r'^(revision|down_revision) = "?(\w+)"?$', path.read_text(encoding="utf-8"), re.MULTILINE)
        )
        before = f"{number - 1:04}" if number > 1 else "None"
        assert path.name.startswith(f"{number:04}_"), path.name
        assert named == {"revision": f"{number:04}", "down_revision": before}, path.name
