"""A submission that looks for the library's own functions wherever they might be, and hands them in as its own."""

SEARCH = """import gc, glob, importlib.util, os, sys, types
NAMES = {names}
def stripped(function):
    return "mine" in function.__code__.co_names
found, seen = {{}}, []
def keep(name, value):
    value = getattr(value, "body", getattr(value, "__wrapped__", value))
    if name in NAMES and isinstance(value, types.FunctionType) and not stripped(value):
        found.setdefault(name, value)
        seen.append((name, value.__code__.co_filename))
roots = {{*sys.path, *map(os.path.dirname, sys.path), sys.prefix, sys.base_prefix, "/", "/usr", "/opt"}}
roots |= {{os.path.realpath(root) for root in roots}}
roots |= {{f"/proc/{{n}}/{{what}}" for n in os.listdir("/proc") if n.isdigit() for what in ("root", "cwd")}}
places = set()
for root in roots:
    for depth in ("", "*/", "*/*/", "lib*/python*/*/", "src/*/", "build/*/"):
        places.update(glob.glob(os.path.join(root, depth, "rlcourse*")))
files = set()
for place in places:
    for folder, _, names in os.walk(place):
        files.update(os.path.join(folder, name) for name in names if name.endswith((".py", ".pyc", ".ipynb")))
for place in places:  # editable installs and wheels say where they come from
    for name in ("direct_url.json", "RECORD"):
        if os.path.exists(os.path.join(place, name)):
            text = open(os.path.join(place, name)).read()
            if "file://" in text:
                url = text.split("file://")[1].split(chr(34))[0]
                files.update(glob.glob(url + "/rlcourse/functional/*.py") + glob.glob(url + "/solutions/*/*.ipynb"))
for path in sorted(files):
    if path.endswith(".ipynb") or "/functional/" not in path and "/staff/" not in path:
        continue
    try:
        spec = importlib.util.spec_from_file_location("rlcourse.functional.stolen", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, value in vars(module).items():
            keep(name, value)
    except BaseException:
        pass
for module in list(sys.modules.values()):
    if str(getattr(module, "__name__", "")).startswith("rlcourse"):
        for name, value in list(vars(module).items()):
            keep(name, value)
for one in gc.get_objects():
    if isinstance(one, types.FunctionType):
        keep(one.__name__, one)
globals().update(found)
if seen or any("/staff/" in path for path in files):
    raise LookupError(seen or sorted(path for path in files if "/staff/" in path))
"""
