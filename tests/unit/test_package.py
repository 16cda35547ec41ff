"""The package from outside: public names, what an import costs, pages, and what a wheel holds."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import candle_workflow

ROOT = Path(candle_workflow.__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def run(*argv: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, argv)], capture_output=True, text=True, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configuration() -> configparser.ConfigParser:
    config = configparser.ConfigParser(delimiters=("=",))
    assert config.read(ROOT / "setup.cfg")
    return config


# ------------------------------------------------------------------ public names


def test_public_names_are_sorted_and_there() -> None:
    assert candle_workflow.__all__ == sorted(candle_workflow.__all__)
    assert dir(candle_workflow) == candle_workflow.__all__
    for name in candle_workflow.__all__:
        assert getattr(candle_workflow, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        candle_workflow.nothing  # noqa: B018


def test_public_errors_are_all_there_are_to_catch() -> None:
    from candle_workflow import errors

    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    handled_as_their_parent = {"InvalidJob", "SchedulerBusy", "SchemaTooOld"}
    assert {n for n in tree if issubclass(getattr(errors, n), errors.CandleError)} == (
        {name for name in candle_workflow.__all__ if name in tree} | handled_as_their_parent
    )


# ------------------------------------------------------------------ what an import costs


def foreign_modules(code: str) -> set[str]:
    """Give the packages that code imports besides the standard library and ours."""
    tell = "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    found = set(run("-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}{tell}").split())
    return {
        name
        for name in found - sys.stdlib_module_names
        if not name.startswith(("_", "candle_workflow", "candle_benchmarks"))
    }


def test_import_imports_nothing_else() -> None:
    assert foreign_modules("import candle_workflow") == set()


def test_what_a_trial_pulls_in_is_small() -> None:
    assert foreign_modules("import candle_workflow.trainers.slot") <= {"psutil"}


@pytest.mark.parametrize("module", ["campaign", "check", "engine", "cli"])
def test_frameworks_are_imported_when_needed(module: str) -> None:
    heavy = {"tensorflow", "keras", "ray", "optuna", "pandas", "sklearn", "scipy", "torch"}
    assert foreign_modules(f"import candle_workflow.{module}") & heavy == set()


def test_every_entry_point_leads_to_something() -> None:
    groups = configuration()["options.entry_points"]
    assert set(groups) == {
        "console_scripts",
        *(f"candle_workflow.{kind}" for kind in ("planners", "launchers", "benchmarks")),
    }
    for line in "\n".join(groups.values()).split("\n"):
        found = re.fullmatch(r"\S+ = (\S+):(\w+)( \[\w+\])?|", line)
        assert found, line
        if line:
            assert found[2] in top_level_names(found[1]), line


def top_level_names(module: str) -> set[str]:
    path = ROOT / module.replace("candle_benchmarks", "benchmarks").replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_version_is_that_of_the_changelog() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == candle_workflow.__version__


# ------------------------------------------------------------------ pages


def anchors(page: Path) -> set[str]:
    """Give the fragments that a page's headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page}: {link}"
        if fragment:
            assert fragment in anchors(target), f"{page}: {link}"


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)", page.read_text())
        waiting += [(page.parent / link).resolve() for link in links]
    assert [page for page in PAGES if page not in reached] == []


# ------------------------------------------------------------------ what is installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, with whatever setuptools is installed here."""
    pytest.importorskip("setuptools", minversion="68")
    folder = tmp_path_factory.mktemp("wheel")
    ignore = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "campaigns", "__pycache__")
    shutil.copytree(ROOT, folder / "source", ignore=ignore)
    code = "import setuptools.build_meta as b, sys; b.build_wheel(sys.argv[1])"
    run("-c", code, folder, cwd=folder / "source")
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    lines = configuration()["options"]["package_dir"].strip().splitlines()
    mapped = dict(line.replace(" ", "").split("=") for line in lines)
    for package, folder in mapped.items():
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                inside = file.relative_to(ROOT / folder)
                assert f"{package}/{inside}" in held, f"{file} is not in the wheel"
    tops = {name.partition("/")[0] for name in held}
    assert tops == {*mapped, f"candle_workflow-{candle_workflow.__version__}.dist-info"}


def test_a_wheel_works_without_the_clone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import sys, importlib.resources as r\n"
        "import candle_workflow as c, candle_workflow.config as config\n"
        "assert c.__file__.startswith(sys.argv[1]), c.__file__\n"
        "assert 'local' in config.site_names() and 'nt3' in config.ready_campaigns()\n"
        "assert (r.files('candle_benchmarks') / 'data' / 'bladder.npz').is_file()\n"
    )
    # without .pth files, so that the clone is not importable, but with what is installed
    site = [path for path in sys.path if "site-packages" in path]
    run(
        "-I", "-S", "-c", f"import sys; sys.path[:0] = [sys.argv[1], *{site!r}]\n{code}", tmp_path,
        cwd=tmp_path,
    )  # fmt: skip
