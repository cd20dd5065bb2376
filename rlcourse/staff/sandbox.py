"""The wall around a student's code: bubblewrap, and what it lets in.

Inside there is /usr, the Python installation and the student edition (at /course), all read-only, and an empty /tmp of
limited size. There is no network, no home, no other process, nothing of the course's own files, and the user is nobody.
docs/threats.md says what this guards against and what not.
"""

import os
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import rlcourse

WORKER = Path(__file__).with_name("worker.py")
TMP_BYTES = 64 * 2**20
SHM_BYTES = 2**20
FIRST_USER = 1_000_000  # above the users of any machine; the judge's process id is added, so that no two sandboxes
# share a user: the limit on processes is counted by user, and one student's fork bomb must not stop another's fork
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "USER": "student",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp",
    "CUDA_VISIBLE_DEVICES": "",
    "PYTHONHASHSEED": "0",
    "PIP_NO_INDEX": "1",  # a cell with !pip fails at once: there is no network
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "TQDM_DISABLE": "1",
    # One thread: students are graded side by side, and a fork of a process with threads may hang.
    **dict.fromkeys(("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
PYTHON_FLAGS = ["-s", "-B", "-P"]  # no user's packages, no bytecode written, no script folder on the path


@cache
def missing() -> str:
    """Why students' code cannot be put into a sandbox here, in one sentence; "" where it can."""
    if sys.platform != "linux":
        return f"bubblewrap, which keeps students' code apart, exists only on Linux, and this is {sys.platform}"
    if not shutil.which("bwrap"):
        return "bubblewrap is not installed (Debian and Ubuntu: apt-get install bubblewrap)"
    if is_root() and not shutil.which("setpriv"):
        return "setpriv, which gives up root's rights, is not installed (Debian and Ubuntu: apt-get install util-linux)"
    tried = subprocess.run([*walls(), *as_nobody(), "/usr/bin/true"], env=ENVIRONMENT, capture_output=True, text=True)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"exit status {tried.returncode}"])[-1]
        return f"bubblewrap does not work here: {reason} (as an ordinary user it needs user namespaces)"
    return ""


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def walls() -> list[str]:
    """bubblewrap's arguments, but for what is mounted for Python and for the student edition.

    As root, a user namespace would map the nobody inside to root outside, whom no limit on processes binds; so there
    is none, and setpriv takes another user's id instead. An ordinary user has no other way than a user namespace.
    """
    arguments = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    arguments += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    if is_root():
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        user = str(FIRST_USER)
        arguments += ["--unshare-user", "--uid", user, "--gid", user, *no_further_namespaces()]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts"):  # libraries and fonts are found through them
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    arguments += ["--perms", "1777", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    return [*arguments, "--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", "/tmp"]


@cache
def no_further_namespaces() -> tuple[str, ...]:
    version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    return ("--disable-userns",) if numbers >= (0, 8) else ()


def as_nobody() -> list[str]:
    """What comes between bubblewrap and Python as root: another user, and no right of root's left."""
    if not is_root():
        return []
    user = str(FIRST_USER + os.getpid())
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]


def command(edition: Path, hide: tuple[Path, ...] = ()) -> tuple[list[str], dict[str, str]]:
    """The command that starts the worker in a sandbox, and its environment. CONTROL stands for an open socket.

    Args:
        edition: the folder of the student edition, which holds rlcourse/.
        hide: folders that must not be seen, even where they lie inside the Python installation.
    """
    mounts = list(python_folders())
    arguments = walls()
    made = {Path("/"), Path("/tmp")}
    for folder in mounts:
        for parent in reversed(folder.parents):  # bubblewrap would make them for root alone
            if parent not in made and not any(inside(parent, mount) for mount in [Path("/usr"), *mounts]):
                arguments += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        arguments += ["--ro-bind", str(folder), str(folder)]
    for folder in {path.resolve() for path in (Path(rlcourse.__file__).parent, *installed(mounts), *hide)}:
        if any(inside(folder, mount) for mount in [Path("/usr"), *mounts]) and folder.is_dir():
            arguments += ["--tmpfs", str(folder), "--remount-ro", str(folder)]
    arguments += ["--ro-bind", str(edition.resolve()), "/course", "--ro-bind", str(WORKER), "/worker.py"]
    arguments += ["--remount-ro", "/", "--chdir", "/tmp", "--"]
    packages = os.pathsep.join(str(folder) for folder in package_folders())
    environment = ENVIRONMENT | ({"PYTHONPATH": packages} if packages else {})
    worker = [sys.executable, *PYTHON_FLAGS, "/worker.py", "/course", "CONTROL", "walled"]
    return [*arguments, *as_nobody(), *worker], environment


def unsafe_command(edition: Path) -> tuple[list[str], dict[str, str]]:
    """The same worker without a wall: a plain process with the grader's own rights."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PATH", "TMPDIR", "TEMP") if name in os.environ}
    packages = os.pathsep.join(str(folder) for folder in package_folders())
    environment = ENVIRONMENT | kept | ({"PYTHONPATH": packages} if packages else {})
    return [sys.executable, *PYTHON_FLAGS, str(WORKER), str(edition.resolve()), "CONTROL"], environment


def installed(mounts: list[Path]) -> Iterator[Path]:
    """Every rlcourse, with its answers, in the Python installations that a sandbox shows, whichever of them this is."""
    for mount in (Path("/usr"), Path("/usr/local"), *mounts):
        yield from mount.glob("lib*/python*/*-packages/rlcourse")


def inside(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def package_folders() -> list[Path]:
    """Installed packages outside the Python installation: a user's own, where they are in use."""
    folder = Path(site.getusersitepackages())
    return [folder] if site.ENABLE_USER_SITE and str(folder) in sys.path else []


def python_folders() -> Iterator[Path]:
    """The folders of the Python installation outside /usr: a virtual environment and what it was made from."""
    seen = [Path("/usr")]
    for name in (sys.base_prefix, sys.prefix, *package_folders()):
        for folder in (Path(name), Path(name).resolve()):
            if not any(inside(folder, other) for other in seen):
                seen.append(folder)
                yield folder
