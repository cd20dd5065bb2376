"""What a student's code can reach from inside: tried from there, each attempt an exception or nothing."""

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest
from classroom import make_edition, needs_sandbox

from rlcourse.staff import sandbox
from rlcourse.staff.cells import Cell
from rlcourse.staff.remote import Limits, NotAttempted, Proxy, StudentError, Worker

SECRET = "only the grader may read this"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> dict[str, Path]:
    """Files of the grader's: the master, another submission, something in a home; and the edition."""
    folder = tmp_path_factory.mktemp("grader")
    for name in ("solutions", "submissions", "home"):
        (folder / name).mkdir()
        (folder / name / "secret").write_text(SECRET)
    return {"folder": folder, "edition": make_edition(folder / "edition")}


@pytest.fixture(scope="module")
def inside(places):
    """Calls a function of this source inside the sandbox: inside("return 1")."""
    workers = []

    def call(body: str, *args, limits: Limits | None = None):
        source = "import os, socket, subprocess, sys\ndef attempt(*args):\n    " + body.replace("\n", "\n    ")
        command, environment = sandbox.command(places["edition"], (places["folder"],))
        worker = Worker(command, environment, [Cell("solution", "attempt", source)], limits or Limits(run=9))
        workers.append(worker)
        worker.begin(seed=0, seconds=9)
        try:
            return Proxy(worker, "attempt")(*args)
        finally:
            worker.stop()

    return call


def command_lines() -> list[bytes]:
    """What runs on this machine."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_bytes())
    return lines


class TestInside:
    pytestmark = needs_sandbox

    def test_is_nobody_with_no_rights(self, inside):
        uid, gid, groups, status = inside(
            "return os.getuid(), os.getgid(), os.getgroups(), open('/proc/self/status').read()"
        )
        assert min(uid, gid) >= sandbox.FIRST_USER and set(groups) <= {gid, 65534}
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert {fields[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        assert fields["NoNewPrivs"] == "1"

    @pytest.mark.parametrize(
        "path",
        [
            "/etc/shadow",
            "/etc/passwd",
            "/root/.bashrc",
            "/home",
            "/srv",
            "/proc/1/root/home",
            "/sys",
        ],
    )
    def test_secrets_of_the_machine_are_not_there(self, inside, path):
        with pytest.raises(StudentError, match="NotADirectoryError|FileNotFoundError|PermissionError"):
            inside("return os.listdir(args[0]) if os.path.isdir(args[0]) else open(args[0]).read()", path)

    @pytest.mark.parametrize("name", ["solutions/secret", "submissions/secret", "home/secret"])
    def test_the_graders_files_are_not_there(self, inside, places, name):
        assert (places["folder"] / name).read_text() == SECRET
        with pytest.raises(StudentError, match="FileNotFoundError"):
            inside("return open(args[0]).read()", str(places["folder"] / name))

    def test_no_file_of_the_course_holds_an_answer(self, inside):
        """Neither the repository nor an installed rlcourse is seen: only the edition's own files."""
        body = "import rlcourse\nroots = [p for p in sys.path if os.path.isdir(os.path.join(p, 'rlcourse'))]\n"
        body += "return [rlcourse.__file__, *roots], os.path.exists(args[0]), sorted(os.listdir('/course/rlcourse'))"
        found, repository, files = inside(body, str(ROOT / "rlcourse" / "staff"))
        assert found[0] == "/course/rlcourse/__init__.py" and set(found[1:]) == {"/course"}
        assert not repository
        assert files == ["__init__.py", "homework"]

    def test_the_environment_is_cleared(self, inside, monkeypatch):
        monkeypatch.setenv("RLCOURSE_SECRET", SECRET)
        monkeypatch.setenv("RLCOURSE_GRADER_SEED", "7")
        environment = inside("return dict(os.environ)")
        assert set(environment) <= set(sandbox.ENVIRONMENT) | {"PYTHONPATH", "PWD", "LC_CTYPE"}

    def test_nor_is_the_environment_of_what_started_it(self, inside, monkeypatch):
        monkeypatch.setenv("RLCOURSE_SECRET", SECRET)
        body = "try:\n    return open('/proc/1/environ').read()\nexcept PermissionError:\n    return ''"
        assert SECRET not in inside(body)

    @pytest.mark.parametrize(
        "path", ["/x", "/usr/x", "/course/x", "/course/rlcourse/homework/wire.py", "/worker.py", "/dev/x", "/proc/x"]
    )
    def test_writes_nowhere_but_in_tmp(self, inside, path):
        with pytest.raises(StudentError, match="Read-only|PermissionError|FileNotFoundError"):
            inside("open(args[0], 'a').write('x')", path)

    def test_tmp_is_small_and_fresh(self, inside):
        body = "for n in range(9):\n    open(f'/tmp/{n}', 'wb').write(bytes(2**24))"
        with pytest.raises(StudentError, match="No space left"):
            inside(body)
        assert inside("return [name for name in os.listdir('/tmp') if name.isdigit()]") == []

    @pytest.mark.parametrize("address", ["('1.1.1.1', 53)", "('127.0.0.1', 22)"])
    def test_no_network(self, inside, address):
        with pytest.raises(StudentError, match="OSError|ConnectionRefusedError|TimeoutError"):
            inside(f"socket.create_connection({address}, timeout=1)")

    def test_no_sockets_of_the_machine(self, inside):
        assert inside("return open('/proc/net/unix').read().count('\\n')") == 1  # the heading alone
        with pytest.raises(StudentError, match="FileNotFoundError"):
            inside("s = socket.socket(socket.AF_UNIX)\ns.connect('/run/docker.sock')")

    def test_sees_no_other_process(self, inside):
        processes = inside("return [open(f'/proc/{n}/comm').read() for n in os.listdir('/proc') if n.isdigit()]")
        assert {name.strip() for name in processes} <= {
            "bwrap",
            "python",
            "python3",
            Path(sys.executable).resolve().name[:15],
        }
        assert len(processes) <= 3

    def test_cannot_signal_beyond_itself(self, inside):
        with pytest.raises(StudentError, match="ProcessLookupError|PermissionError"):
            inside(f"os.kill({os.getpid()}, 0)")

    def test_cannot_become_root_or_mount(self, inside):
        with pytest.raises(StudentError, match="OSError|PermissionError"):
            inside("os.setuid(0)")
        libc = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        assert inside(libc + "return libc.mount(b'/', b'/tmp', None, 4096, None)") == -1

    def test_no_gpu_and_one_thread(self, inside):
        assert inside("return [name for name in os.listdir('/dev') if 'nvidia' in name or 'dri' in name]") == []
        assert inside("return os.environ['OMP_NUM_THREADS'], os.environ['CUDA_VISIBLE_DEVICES']") == ("1", "")

    def test_limits_bind(self, inside):
        with pytest.raises(StudentError, match="MemoryError"):
            inside("return len(bytearray(6 * 2**30))")
        body = "import time\nn = 0\ntry:\n    while True:\n"
        body += "        if os.fork() == 0:\n            time.sleep(2)\n            os._exit(0)\n"
        assert (
            1 <= inside(body + "        n += 1\nexcept BlockingIOError:\n    return n", limits=Limits(processes=8)) <= 8
        )
        with pytest.raises(StudentError, match="ValueError|PermissionError"):
            inside("import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (999, 999))")
        with pytest.raises(StudentError, match="Too many open files"):
            inside("return [open('/dev/null') for _ in range(300)]")

    def test_nothing_is_left_running(self, inside):
        name = f"left-{os.getpid()}"
        inside(f"subprocess.Popen(['/usr/bin/sh', '-c', 'sleep 97; true', '{name}'], start_new_session=True)\nreturn 1")
        for _ in range(50):  # the system takes a moment to end them all
            if not (running := [line for line in command_lines() if name.encode() in line]):
                break
            time.sleep(0.1)
        assert not running

    def test_an_installed_library_is_hidden(self, inside, tmp_path, monkeypatch):
        """rlcourse with its answers inside the Python installation, as `pip install .` puts it."""
        packages = tmp_path / "site-packages"
        for name in ("rlcourse", "numpy"):
            (packages / name).mkdir(parents=True)
            (packages / name / "secret").write_text(SECRET)
        os.chmod(tmp_path, 0o755)
        folders = [*sandbox.python_folders(), packages]
        monkeypatch.setattr(sandbox, "python_folders", lambda: iter(folders))
        monkeypatch.setattr(sandbox.rlcourse, "__file__", str(packages / "rlcourse" / "__init__.py"))
        seen = inside(
            "return [os.listdir(os.path.join(args[0], name)) for name in ('rlcourse', 'numpy')]", str(packages)
        )
        assert seen == [[], ["secret"]]


def test_says_why_there_is_no_sandbox(monkeypatch):
    sandbox.missing.cache_clear()
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert "bubblewrap is not installed" in sandbox.missing() if sys.platform == "linux" else sandbox.missing()
    sandbox.missing.cache_clear()
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    assert sandbox.missing() == "bubblewrap, which keeps students' code apart, exists only on Linux, and this is darwin"
    sandbox.missing.cache_clear()


def test_the_unsafe_way_runs_the_same_worker(tmp_path):
    command, environment = sandbox.unsafe_command(make_edition(tmp_path))
    cells = [Cell("solution", "one", "def one(x):\n    return x + 1\ndef stub():\n    raise NotImplementedError")]
    worker = Worker(command, environment, cells, Limits(run=20))
    worker.begin(seed=0, seconds=9)
    assert Proxy(worker, "one")(1) == 2
    with pytest.raises(NotAttempted):
        Proxy(worker, "stub")()
    worker.stop()
