"""What a cell can do to IPython and to Python around it: it stays in that student's worker."""

from cases import ANY, FAST, before

OWN = "its own shell: the rest of its notebook may go wrong with it, nobody else's does"
HARMLESS = {  # in a cell before all others: nothing but `double`, which is wrong, costs points
    "a magic that is not there": "%nonsense\n%%nonsense",
    "reset": "%reset -f",
    "an extension that is not there": "%load_ext nonsense",
    "autoreload": "%load_ext autoreload\n%autoreload 2",
    "bash": "%%bash\necho hello; exit 3",
    "a script in the background": "%%bash --bg\nsleep 98",
    "a command in the background": "import subprocess\nsubprocess.Popen(['sleep', '97'])",
    "another Python": "%%script python3\nprint(1)",
    "pip": "!pip install numpy==1.0",
    "exit": "exit()",
    "exit with a status": "raise SystemExit(0)",
    "an interrupt": "raise KeyboardInterrupt",
    "input": "input('Your name?')",
    "the debugger on": "%pdb on\n1 / 0",
    "a breakpoint": "breakpoint()",
    "history": "%history -f /tmp/h\n%rerun",
    "another cell's history": "_ih[:], _oh, Out, In, _i1, __",
    "a cell that runs a cell": "get_ipython().run_cell('letter = 1/0')\n"
    "get_ipython().run_cell_magic('bash', '', 'true')",
    "standard output that raises": "import sys\nclass S:\n    def write(self, *a): 1 / 0\n"
    "    flush = write\nsys.stdout = S()",
    "standard output closed": "import sys\nsys.stdout.close()",
    "hooks": "import sys\nsys.excepthook = sys.displayhook = sys.unraisablehook = lambda *a: 1 / 0",
    "exit hooks": "import atexit, time\natexit.register(time.sleep, 1e6)",
    "a thread for ever": "import threading, time\nthreading.Thread(target=time.sleep, args=(1e6,)).start()",
    "another folder": "import os\nos.mkdir('/tmp/d')\nos.chdir('/tmp/d')\nos.rmdir('/tmp/d')",
    "an empty environment": "import os\nos.environ.clear()",
    "files that nobody may read": "import os\nos.umask(0o777)\nopen('/tmp/x', 'w').close()",
    "a module of that name": "%%writefile json.py\nraise SystemExit",
    "a numpy of its own": "open('numpy.py', 'w').write('array = 1')\nopen('rlcourse.py', 'w').write('1/0')",
    "no collection of garbage": "import gc\ngc.disable()\ngc.freeze()",
    "warnings as errors": "import warnings\nwarnings.simplefilter('error')",
    "another seed": "import random\nimport numpy\nnumpy.random.seed(1)\n"
    "random.seed = numpy.random.seed = lambda *a: None",
    "a slow end": "class Slow:\n    def __del__(self):\n        import time\n        time.sleep(1e6)\nslow = Slow()",
    "a slow text": "class Slow:\n    def __repr__(self):\n        import time\n        time.sleep(1e6)\nSlow()",
    "a picture that raises": "class P:\n    def _repr_html_(self): raise SystemExit\nP()",
    "top-level await": "import asyncio\nasyncio.get_event_loop().call_later(0, lambda: 1 / 0)\nawait asyncio.sleep(0)",
    "a null byte": "letter = '\x00'",
    "half a letter": "letter = '\ud800'",
    "10,000 brackets": "(" * 10_000,
    "deep code": "x = " + "-" * 50_000 + "1",
}
SELFISH = {  # may cost any points of that notebook
    "no standard output": "import sys\nsys.stdout = sys.stderr = None",
    "run_cell replaced": "get_ipython().run_cell = lambda *a, **k: None",
    "a namespace emptied": "get_ipython().user_ns.clear()",
    "a namespace that is none": "get_ipython().user_ns = None",
    "no get_ipython": "import builtins\ndel get_ipython, builtins.get_ipython",
    "a transformer of trees that raises": (
        "import ast\nclass T(ast.NodeTransformer):\n    def visit(self, node): raise SystemExit\n"
        "get_ipython().ast_transformers.append(T())"
    ),
    "a transformer that rewrites the tests": (
        "get_ipython().input_transformers_cleanup.append(lambda lines: ['letter = \"b\"\\n'])"
    ),
    "a transformer without end": "def f(lines):\n    while True: pass\nget_ipython().input_transformers_post.append(f)",
    "a callback without end": "def f(*a):\n    while True: pass\nget_ipython().events.register('post_run_cell', f)",
    "a callback that exits": "import os\nget_ipython().events.register('pre_run_cell', lambda *a: os._exit(0))",
    "no import": "import builtins\nbuiltins.__import__ = None",
    "every check says yes": "import builtins\nbuiltins.isinstance = builtins.all = builtins.any = lambda *a: True",
    "no open": "import builtins\nfor name in dir(builtins):\n    if name[0].islower(): delattr(builtins, name)",
    "no modules": "import sys\nsys.modules.clear()\nsys.path.clear()\nsys.meta_path.clear()",
    "a finder of its own": (
        "import sys\nclass F:\n    def find_spec(self, name, *a): raise SystemExit(name)\nsys.meta_path.insert(0, F())"
    ),
    "wire replaced": (
        "import sys\nfrom rlcourse.homework import wire, settings, shell\n"
        "wire.encode = lambda *a: 2.0\nwire.encode.__code__ = (lambda *a: 2.0).__code__\n"
        "sys.modules['rlcourse.homework.wire'] = settings.call = shell.describe = None"
    ),
    "JSON replaced": "import json\njson.dumps = lambda *a: '{}'\njson.loads = lambda *a: {'end': True}",
    "the worker's own names": (
        "import sys\nframe = sys._getframe()\nwhile frame.f_back: frame = frame.f_back\n"
        "frame.f_globals.update(serve=lambda *a: None, send=lambda *a: None, wait=lambda *a: 0)"
    ),
    "a trace": "import sys, threading\ndef t(*a):\n    raise SystemExit\nsys.settrace(t)\nthreading.settrace(t)",
    "a profile without end": "import sys\ndef t(*a):\n    while True: pass\nsys.setprofile(t)",
    "no recursion": "import sys\nsys.setrecursionlimit(40)",
    "a recursion without end": "import sys\nsys.setrecursionlimit(2**30)\ndef f(): f()\nf()",
    "signals blocked": (
        "import signal\nsignal.pthread_sigmask(0, range(1, 64))\n"
        "for n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
        "while True: pass"
    ),
    "a timer that goes off again and again": "import signal\n"
    "signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)\nimport time\ntime.sleep(3)",
    "a timer of processor time": "import signal\nsignal.setitimer(signal.ITIMER_PROF, 0.2)\nwhile True: pass",
    "a thread that interrupts": (
        "import threading, time, _thread\ndef f():\n    while True:\n        time.sleep(0.02)\n"
        "        _thread.interrupt_main()\nthreading.Thread(target=f).start()"
    ),
    "a thread that ends all": (
        "import os, threading\nthreading.Timer(0.15, os._exit, (0,)).start()\nimport time\ntime.sleep(0.1)"
    ),
    "errors of numbers raise": "import numpy\nnumpy.seterr(all='call')\nnumpy.seterrcall(lambda *a: 1 / 0)",
    "numpy replaced": "import numpy\nnumpy.asarray = numpy.ndarray = numpy.arange = numpy.ones = None",
    "a command without end": "!sleep 96",
    "a script that kills its parent": "%%bash\nkill -9 $PPID",
    "a command that kills all": "!kill -9 -1",
    "a loop that catches the interrupt": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "a loop in C": "sum(iter(int, 1))",
}
CASES = {kind: before(source, OWN) for kind, source in HARMLESS.items()} | {
    kind: before(source, OWN, limits=FAST, seconds=40, **ANY) for kind, source in SELFISH.items()
}
SLOW = {kind for kind, source in SELFISH.items() if "while True" in source and kind != "a callback without end"} | {
    "a thread that interrupts",
    "a loop in C",
    "a recursion without end",
    "a command that kills all",
    "no open",
    "no modules",
    "pip",
}
