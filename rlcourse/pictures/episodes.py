"""Films of an agent at work."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium
from PIL import Image

from rlcourse.contracts.inputs import bad_argument


def episode_gif(
    env: gymnasium.Env, act: Callable[[Any], Any], path: str | Path | None = None, max_steps: int = 200, seed: int = 0
) -> bytes:
    """One episode as an animated GIF.

    Args:
        env: with render_mode "rgb_array"; it stays open.
        act: the action for an observation.
        path: where to save it too.
        max_steps: after how many steps the film ends, if the episode does not.
        seed: of the episode.

    Raises:
        ValueError: where the environment draws no frames.
    """
    if env.render_mode != "rgb_array":
        raise bad_argument(
            "env", f"render_mode {env.render_mode!r}", "an environment made with render_mode='rgb_array'"
        )
    obs, _ = env.reset(seed=seed)
    frames = [Image.fromarray(env.render())]
    for _ in range(max_steps):
        obs, _, terminated, truncated, _ = env.step(act(obs))
        frames.append(Image.fromarray(env.render()))
        if terminated or truncated:
            break
    pause = 1000 // env.metadata.get("render_fps", 30)
    pauses = [pause] * (len(frames) - 1) + [max(pause, 1000)]  # time to see how it ended
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    if path is not None:
        Path(path).write_bytes(file.getvalue())
    return file.getvalue()
