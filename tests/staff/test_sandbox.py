"""What a student's code can reach from inside: tried from there, each attempt an exception or nothing."""

import contextlib
import itertools
import os
import sys
import time
from pathlib import Path

import pytest
from classroom import make_edition, needs_sandbox

from rlcourse.staff import sandbox
from rlcourse.staff.cells import Step
from rlcourse.staff.image import Sandbox
from rlcourse.staff.remote import CellEnded, Limits, NotAttempted, Proxy, StudentError, Worker

SECRET = "only the grader may read this"
ROOT = Path(__file__).parents[2]


# What one submission leaves behind, and how many of it the next one finds.
TRACES = {
    "a file": ("open('/tmp/x', 'w').write('x')", "return int(os.path.exists('/tmp/x'))"),
    "a hidden file in shared memory": ("open('/dev/shm/.x', 'w')", "return len(os.listdir('/dev/shm'))"),
    "a folder that nobody may enter": (
        "os.makedirs('/tmp/a/b/c')\nos.chmod('/tmp/a/b', 0)\nos.chmod('/tmp/a', 0)",
        "return int(os.path.exists('/tmp/a'))",
    ),
    "a deep folder": (
        "for _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')",
        "return int(os.path.exists('/tmp/d'))",
    ),
    "a link to elsewhere": ("os.symlink('/usr', '/tmp/usr')", "return int(os.path.lexists('/tmp/usr'))"),
    "a process that has left its family": (
        "if os.fork() == 0:\n    os.setsid()\n    os.fork() and os._exit(0)\n    import time\n    time.sleep(99)",
        "return len([n for n in os.listdir('/proc') if n.isdigit()]) - 4",  # these four are the sandbox's own
    ),
    "System V shared memory": (
        "import ctypes\nassert ctypes.CDLL(None).shmget(77, 4096, 0o1666) >= 0",
        "return open('/proc/sysvipc/shm').read().count('\\n') - 1",
    ),
    "a pipe that does not block": (
        "os.set_blocking(1, False)\nos.set_blocking(2, False)",
        "return 2 - os.get_blocking(1) - os.get_blocking(2)",
    ),
    "a module of the course changed": (
        "from rlcourse.homework import wire\nwire.encode = None",
        "from rlcourse.homework import wire\nreturn int(wire.encode is None)",
    ),
    "a folder to start in": ("os.chdir('/usr')", "return int(os.getcwd() != '/tmp')"),
}


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
    workers, boxes = [], {}

    def call(body: str, *args, limits: Limits | None = None):
        source = "import os, socket, subprocess, sys\ndef attempt(*args):\n    " + body.replace("\n", "\n    ")
        command, environment = sandbox.command(places["edition"], (places["folder"],))
        steps = [Step("solution", "attempt", source), Step("test", "test", None)]
        worker = Worker(
            boxes.setdefault(tuple(command), Sandbox(command, environment)), steps, limits or Limits(cell=9)
        )
        workers.append(worker)
        try:
            assert [ended for _, ended in itertools.islice(worker.tests(), 1)] == [None]
            worker.begin(seed=0, limit=9)
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
            str(Path.home() / ".profile"),
            "/home",
            "/srv",
            f"/proc/1/root{Path.home() / '.profile'}",
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
        assert len(processes) <= 4  # the sandbox itself, what starts the workers, the worker, its fork

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

    @pytest.mark.parametrize("kind", TRACES)
    def test_the_next_student_finds_no_trace(self, inside, kind):
        leave, look = TRACES[kind]
        inside(leave)
        assert inside(look) == 0

    @pytest.mark.parametrize("signal", [9, 15, 19])
    def test_who_ends_or_stops_the_sandbox_costs_only_himself(self, inside, signal):
        body = "for name in os.listdir('/proc'):\n    if name.isdigit() and int(name) not in (1, os.getpid()):\n"
        body += f"        os.kill(int(name), {signal})\nimport time\ntime.sleep(99)"
        with pytest.raises(CellEnded):
            inside(body)
        assert inside("return 1") == 1

    def test_cannot_look_into_the_process_that_starts_the_next_one(self, inside):
        """It would see the judge's socket, and could change what the next student's worker is made from."""
        body = "first = min(int(name) for name in os.listdir('/proc') if name.isdigit() and int(name) > 1)\n"
        body += "assert first not in (os.getpid(), os.getppid())\nreached = []\n"
        body += "for what in ('mem', 'environ', 'fd', 'maps'):\n    try:\n        path = f'/proc/{first}/{what}'\n"
        body += "        reached.append(os.listdir(path) if what == 'fd' else open(path, 'rb'))\n"
        body += "    except PermissionError:\n        pass\n"
        body += "import ctypes\nlibc = ctypes.CDLL(None)\nreturn len(reached), libc.ptrace(16, first, None, None)"
        assert inside(body) == (0, -1)

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
    box = Sandbox(*sandbox.unsafe_command(make_edition(tmp_path)))
    steps = [Step("solution", "one", "def one(x):\n    return x + 1\ndef stub():\n    raise NotImplementedError")]
    worker = Worker(box, [*steps, Step("test", "test", None)], Limits())
    for name, ended in worker.tests():
        assert (name, ended) == ("test", None)
        worker.begin(seed=0, limit=9)
        assert Proxy(worker, "one")(1) == 2
        with pytest.raises(NotAttempted):
            Proxy(worker, "stub")()
        worker.end()
    worker.stop()
    assert box.process is None  # without a wall nothing is known to be clean
