import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "staff")]  # the corpus, and the tiny problem set that it is judged by
