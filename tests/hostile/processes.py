"""Processes, memory, files, and what the kernel keeps: nothing of it reaches the next student."""

from cases import ANY, FAST, IMAGE, before, inside

FREE = "what it does to itself is free"
NEXT = "the next student must not notice"
LIBC = "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
BOMB = "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.05)"
LOW = ("NOFILE", "NPROC", "DATA", "FSIZE", "STACK", "MSGQUEUE")

TO_THE_IMAGE = {
    **{f"its {name} lowered": f"resource.prlimit(image, resource.RLIMIT_{name}, (1, 1))" for name in LOW},
    "its time lowered": "resource.prlimit(image, resource.RLIMIT_CPU, (1, 2))",
    "its priority lowered": "os.setpriority(os.PRIO_PROCESS, image, 19)",
    "idle": "os.sched_setscheduler(image, os.SCHED_IDLE, os.sched_param(0))",
    "behind all others at the disk": LIBC + "assert libc.syscall(251, 1, image, 3 << 13) == 0",
    "on one processor": "os.sched_setaffinity(image, {min(os.sched_getaffinity(0))})",
}
ITS_OWN = {
    "a session of its own": "if os.fork() == 0:\n    os.setsid()\n    if os.fork():\n        os._exit(0)\n"
    "    import time\n    time.sleep(1e6)",
    "shared memory of System V": LIBC
    + "libc.shmget(7, 4096, 0o1666)\nlibc.semget(7, 1, 0o1666)\nlibc.msgget(7, 0o1666)",
    "a queue of messages": LIBC + "ctypes.CDLL('librt.so.1').mq_open(b'/left', 0o102, 0o666, None)",
    "a key in the kernel": LIBC + "for ring in (-4, -5, -3):\n"
    "    libc.syscall(248, b'user', b'left', b'secret', 6, ctypes.c_int(ring))",
    "a socket without a file": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('\\0left')\ns.listen()",
    "a port": "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 5555))\ns.listen()",
    "the network": "import urllib.request\nurllib.request.urlopen('http://1.1.1.1', timeout=1)",
    "a full disk": "for n in range(9):\n    open(f'/tmp/{n}', 'wb').write(bytes(2**24))",
    "20,000 files": "for n in range(20_000):\n    open(f'/tmp/{n}', 'w').close()",
    "a pipe and a device": "os.mkfifo('/tmp/pipe')\nos.mknod('/tmp/device')",
    "odd names": "open(b'/tmp/\\xff\\n', 'w')\nopen('/tmp/' + 'x' * 255, 'w')",
    "links in a circle": "os.symlink('/tmp/a', '/tmp/a')\nos.symlink('/', '/tmp/root')",
    "a folder that is closed": "os.makedirs('/tmp/a/b')\nos.chmod('/tmp/a/b', 0)\nos.chmod('/tmp/a', 0)",
    "the shared folder closed": "os.chmod('/tmp', 0)",
    "the shared folder for reading alone": "os.chmod('/tmp', 0o555)",
    "memory without a name": "hoard = [os.memfd_create('x') for _ in range(20)]\nfor f in hoard:\n"
    "    os.write(f, bytes(2**22))",
    "more memory than it may": "hoard = bytearray(2**33)",
    "root": "os.setuid(0)",
    "a mount": LIBC + "assert libc.mount(b'/', b'/tmp', None, 4096, None) == 0",
    "a namespace": LIBC + "assert libc.unshare(0x10000000) == 0",
    "another root": "os.chroot('/tmp')",
    "a user's namespace with a disk in it": LIBC
    + "uid = os.getuid()\nassert libc.unshare(0x10000000 | 0x20000) == 0\n"
    + "open('/proc/self/setgroups', 'w').write('deny')\nopen('/proc/self/uid_map', 'w').write(f'0 {uid} 1')\n"
    + "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0\nopen('/tmp/left', 'w').write('x')",
    "the image's memory": "open(f'/proc/{image}/mem', 'wb')",
    "the image's files": "os.listdir(f'/proc/{image}/fd')",
    "the image traced": LIBC + "assert libc.ptrace(16, image, None, None) == 0",
    "the image's score of memory": "open(f'/proc/{image}/oom_score_adj', 'w').write('1000')",
    "the sandbox's first process": "os.kill(1, signal.SIGKILL)",
    "the host's name": "import socket\nsocket.sethostname('left')",
    "the clock": "import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)",
    "the kernel's settings": "open('/proc/sys/kernel/domainname', 'w').write('left')",
    "locks": "import fcntl\nfcntl.flock(open('/worker.py'), fcntl.LOCK_EX)",
}
SELFISH = {  # may cost any points of its own
    "the image stopped": "os.kill(image, signal.SIGSTOP)",
    "the image ended": "os.kill(image, signal.SIGKILL)",
    "the image interrupted": "os.kill(image, signal.SIGINT)",
    "limits of its own": "for name in dir(resource):\n    if name.startswith('RLIMIT_') and name not in ('RLIMIT_CPU', "
    "'RLIMIT_NPROC', 'RLIMIT_AS', 'RLIMIT_DATA', 'RLIMIT_NOFILE', 'RLIMIT_STACK'):\n"
    "        resource.setrlimit(getattr(resource, name), (0, 0))",
    "a hundred processes": "for _ in range(100):\n    try:\n        if os.fork() == 0:\n            signal.pause()\n"
    "    except OSError:\n        break",
    "a fork bomb in a cell": BOMB,
}
IN_A_TEST = {
    "stops itself": ("os.kill(os.getpid(), 19)", "time limit"),
    "stops the worker": ("os.kill(os.getppid(), 19)\ntime.sleep(99)", "time limit"),
    "ends the worker": ("os.kill(os.getppid(), 9)\ntime.sleep(99)", "crashed|time limit"),
    "ends all": ("os.kill(-1, 9)", "crashed|failed"),
    "raises all signals": (
        "for n in (1, 2, 3, 13, 14, 15):\n    os.kill(os.getpid(), n)\ntime.sleep(0.1)",
        "crashed|failed",
    ),
    "leaves by exec": ("os.execv('/bin/sleep', ['sleep', '95'])", "time limit|crashed"),
    "a million seconds": ("time.sleep(1e6)", "time limit"),
    "a loop in C": ("sum(iter(int, 1))", "time limit"),
    "threads that stay": ("threading.Thread(target=time.sleep, args=(1e6,)).start()", "failed"),
    "sleeps when it is thrown away": ("class S:\n    def __del__(self): time.sleep(1e6)\nS()", "time limit"),
    "sleeps at its end": ("import atexit\natexit.register(time.sleep, 1e6)", "failed"),
    "a child that stays": ("os.fork() or time.sleep(1e6)", "failed"),
    "a child that answers too": ("os.fork()", "failed|crashed"),
    "no stack left": ("sys.setrecursionlimit(2**30)\nf = lambda: f()\nf()", "crashed|failed|time limit"),
    "a flood of prints": ("for _ in range(20):\n    print('x' * 10**6)", "failed|time limit"),
}
HEAD = "import os, sys, threading, time\ndef double(x):\n"
CASES = (
    {f"the image {kind}": before(IMAGE + source, NEXT, seconds=30) for kind, source in TO_THE_IMAGE.items()}
    | {kind: before(IMAGE + source, NEXT, seconds=30) for kind, source in ITS_OWN.items()}
    | {
        f"in a function: {kind}": inside(
            HEAD + "".join(f"    {line}\n" for line in source.splitlines()) + "    return 3 * x",
            FREE,
            verdict,
            seconds=30,
        )
        for kind, (source, verdict) in IN_A_TEST.items()
    }
    | {
        kind: before(IMAGE + source, "it may cost its own points, and time", limits=FAST, seconds=60, **ANY)
        for kind, source in SELFISH.items()
    }
)
SLOW = {f"the image {kind}" for kind in TO_THE_IMAGE if kind not in ("its NPROC lowered", "its priority lowered")}
SLOW |= {*SELFISH, "20,000 files", "links in a circle", "in a function: a loop in C", "in a function: ends all"}
SLOW.remove("the image interrupted")
