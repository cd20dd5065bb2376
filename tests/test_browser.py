"""The lectures in a real browser: every cell runs in JupyterLab, the widgets appear and answer to clicks.

Needs Chrome or Chromium with its driver on the path. With RLCOURSE_SCREENSHOTS=folder it leaves pictures to look at.
"""

import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parent / "staff"))
import bundles  # noqa: E402  (a student's bundle, as the tests of lectures make it)

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
CHROME = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
if not (CHROME and DRIVER):
    pytest.skip("needs chromium (or chrome) and chromedriver on the path", allow_module_level=True)

from selenium import webdriver  # noqa: E402  (the dev extra has it; without a browser it is not needed)
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --no-proxy-server --window-size=1400,1300"""
WIDGETS = ("explorer", "exploration-widget")  # the cells that show one
SECONDS = 480  # a lecture may take 60 on an idle machine

RUN = "jupyterapp.commands.execute('notebook:run-all-cells'); return true"
PANEL = """
    const shell = window.jupyterapp && jupyterapp.shell;  // no panel is the current one while the page has no focus
    const panel = shell && (shell.currentWidget || [...shell.widgets('main')][0]);"""
STATE = f"""{PANEL}
    const kernel = panel && panel.sessionContext && panel.sessionContext.session?.kernel;
    return kernel ? {{status: kernel.status, notebook: panel.content.model.toJSON()}} : {{status: "absent"}};"""
GO_TO = f"""{PANEL}
    const notebook = panel.content;
    const at = notebook.widgets.findIndex(cell => cell.model.id == arguments[0]);
    notebook.activeCellIndex = at;
    notebook.scrollToItem(at, 'start');"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address in a JupyterLab of copies of the lectures without their outputs, beside what they read."""
    root, own = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("settings")
    shutil.copytree(NOTEBOOKS.parent / "results", root / "results")
    folder = root / "notebooks"
    folder.mkdir()
    for path in NOTEBOOKS.glob("*.ipynb"):
        notebook = without_outputs(path, folder / path.name)
        notebook.cells = [cell for cell in notebook.cells if cell.id in ("setup", *WIDGETS)]
        nbformat.write(notebook, folder / f"widget-{path.name}")  # for the tests of a widget alone
    with serving(root, own) as address:
        yield f"{address}/lab/tree/notebooks"


def without_outputs(lecture: Path, to: Path) -> nbformat.NotebookNode:
    """A copy of a lecture that has not run."""
    notebook = nbformat.read(lecture, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, to)
    return notebook


@contextmanager
def serving(root: Path, own: Path, **environment: str):
    """The address of a JupyterLab with its settings in a folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"""--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port={port} --ServerApp.port_retries=0
        --IdentityProvider.token= --ServerApp.root_dir={root} --LabApp.expose_app_in_browser=True
        --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"""
    command = [sys.executable, "-m", "jupyterlab", *options.split()]
    with (own / "lab.log").open("w") as log:
        environment = os.environ | {"JUPYTER_CONFIG_DIR": str(own)} | environment
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROME
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def wait(driver, condition, seconds: float = 30):
    return WebDriverWait(driver, seconds, poll_frequency=0.3, ignored_exceptions=(WebDriverException,)).until(condition)


@contextmanager
def screenshot(driver, name: str):
    """Whatever happens inside, a picture of it."""
    try:
        yield
    finally:
        if folder := os.environ.get("RLCOURSE_SCREENSHOTS"):
            driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def open_and_run(driver, folder: str, name: str) -> nbformat.NotebookNode:
    """The notebook after all its cells have run in the browser."""

    def reached(_):
        driver.get(f"{folder}/{name}.ipynb?reset")
        return True

    def finished(_):
        state = driver.execute_script(STATE)
        cells = [cell for cell in state["notebook"]["cells"] if cell["cell_type"] == "code" and "".join(cell["source"])]
        failed = any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
        done = failed or all(cell["execution_count"] for cell in cells)
        return state["notebook"] if done and state["status"] == "idle" else None

    wait(driver, reached, 180)  # the server needs seconds to start, on a busy machine a minute
    wait(driver, lambda _: driver.execute_script(STATE)["status"] == "idle", 120)
    driver.execute_script(RUN)
    return nbformat.from_dict(wait(driver, finished, SECONDS))


@pytest.mark.parametrize("name", sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
def test_every_cell_runs(lab, browser, name):
    with screenshot(browser, name):
        notebook = open_and_run(browser, lab, name)
    outputs = [(cell.id, output) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert outputs
    assert [(cell, o.evalue) for cell, o in outputs if o.output_type == "error"] == []
    assert [(cell, o.text) for cell, o in outputs if o.get("name") == "stderr"] == []
    widget = next((cell.id for cell in notebook.cells if cell.id.endswith("-widget")), None)
    if widget:
        with screenshot(browser, f"{name}-widget"):
            assert_a_slider_redraws(browser, widget)


def assert_a_slider_redraws(driver, widget: str) -> None:
    """Move the first slider of a cell by its arrow keys: the picture becomes another one."""
    driver.execute_script(GO_TO, widget)

    def picture() -> str:
        return driver.find_element(By.CSS_SELECTOR, "img.widget-image").get_attribute("src")

    def moved(_) -> bool:  # a key that comes while the cell scrolls into view is lost: press again
        driver.find_element(By.CSS_SELECTOR, ".noUi-handle").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        return picture() != before

    before = wait(driver, lambda _: picture())
    driver.execute_script("document.querySelector('img.widget-image').scrollIntoView({block: 'center'})")
    wait(driver, moved)


def test_the_grid_answers_to_clicks(lab, browser):
    open_and_run(browser, lab, "widget-01_q_iteration")
    browser.execute_script(GO_TO, "explorer")

    def buttons() -> list:
        return browser.find_elements(By.CSS_SELECTOR, ".widget-gridbox button")

    def texts() -> list[str]:
        return [button.text.strip() for button in buttons()]

    def press(text: str) -> None:
        browser.find_element(By.XPATH, f"//button[normalize-space()='{text}']").click()

    with screenshot(browser, "explorer"):
        wait(browser, lambda _: len(buttons()) == 30 and buttons()[0].is_displayed())
        before = texts()
        assert before[5] == "goal +1" and before[4].startswith("0.00")

        press("one sweep")
        wait(browser, lambda _: texts() != before)
        assert texts()[4] == "0.80 →"  # right of it the goal, one step in five slips
        assert browser.find_element(By.CSS_SELECTOR, ".widget-label:not([title=''])").is_displayed()

        press("to the end")
        wait(browser, lambda _: texts()[0].startswith("0.56"))
        colours = {button.value_of_css_property("background-color") for button in buttons()}
        assert len(colours) > 15

        buttons()[0].click()
        wait(browser, lambda _: texts()[0] == "wall")
        press("to the end")
        wait(browser, lambda _: float(texts()[6].split()[0]) < 0.4)  # its way along the top is closed


def test_the_exploration_sliders_redraw_the_picture(lab, browser):
    open_and_run(browser, lab, "widget-02_q_learning")
    browser.execute_script(GO_TO, "exploration-widget")

    def picture() -> str:
        return browser.find_element(By.CSS_SELECTOR, "img.widget-image").get_attribute("src")

    with screenshot(browser, "exploration"):
        before = wait(browser, lambda _: picture())
        epsilon = browser.find_element(By.CSS_SELECTOR, ".widget-readout")
        assert epsilon.text == "0.20"
        epsilon.click()
        epsilon.send_keys(Keys.CONTROL + "a")  # a call of its own: the next one lets go of the key
        epsilon.send_keys("0.9", Keys.ENTER)
        wait(browser, lambda _: picture() != before)
        assert epsilon.text == "0.90"


def test_a_lecture_in_a_bundle_runs_with_a_students_functions(tmp_path, browser):
    """Blank, "Run all" comes to the end and says in a line what each cell lacks; written, a slider redraws."""
    bundle, settings, widget = bundles.make("ps3", tmp_path / "ps3"), tmp_path / "settings", "bandit-widget"
    settings.mkdir()
    for name in ("blank", "written"):
        without_outputs(bundle / "lectures" / "07_reinforce.ipynb", bundle / "lectures" / f"{name}.ipynb")
    with serving(bundle, settings, PYTHONPATH=str(bundle)) as address:
        with screenshot(browser, "bundle-blank"):
            notebook = open_and_run(browser, f"{address}/lab/tree/lectures", "blank")
        blank = {cell.id: cell for cell in notebook.cells}
        assert bundles.errors(blank) == []
        line = "runs once `optimal_baseline` (problem set 3, task 6) passes its check\n"
        assert bundles.said(blank["bandit-picture"]) == line
        assert bundles.pictures(blank["bandit-picture"]) == 1

        bundles.fill(bundle, "ps3", "named-axes")
        notebook = open_and_run(browser, f"{address}/lab/tree/lectures", "written")
        written = {cell.id: cell for cell in notebook.cells}
        assert bundles.errors(written) == []
        assert not any("runs once" in bundles.said(cell) for cell in written.values())
        with screenshot(browser, "bundle-widget"):
            assert_a_slider_redraws(browser, widget)
