"""A progress bar counts what the text counts, and leaves the next line to what is printed next."""

import re
import subprocess
import sys

CODE = """
import os

os.environ.pop("TQDM_DISABLE", None)
import time
from rlcourse.training.progress import progress
for _ in progress(range(5), "training", 8, " steps"):
    time.sleep(0.5)
print("next")
for _ in progress(range(5), "quick"):
    pass
for n in progress(range(100), "ends early"):
    time.sleep(0.5)
    if n == 5:
        break
print("end")
"""


def test_a_bar_ends_its_line_and_counts_steps():
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True)
    assert run.stderr == b""
    lines = [line.rsplit("\r", 1)[-1] for line in run.stdout.decode().rstrip("\n").split("\n")]
    assert re.match(r"training: 100%.* 40/40 \[.* steps/s", lines[0])
    assert lines[1] == "next"
    assert lines[2].startswith("ends early:   5%")  # what took less than two seconds has no bar
    assert lines[3:] == ["end"]
