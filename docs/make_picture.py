"""Draw docs/q_iteration.png, the README's picture: python docs/make_picture.py"""

from pathlib import Path

from rlcourse.pictures.widgets import value_iteration_picture

MAP = """
....#....
.##.#.##.
.#.....#G
.#.##X.#.
...#...#.
##...#...
S..#...#.
"""

figure = value_iteration_picture(MAP, sweeps=(3, 8, 13, 60), gamma=0.93, slip=0.2)
figure.savefig(Path(__file__).with_name("q_iteration.png"), dpi=150)
