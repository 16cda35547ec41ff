"""Site files: the one that ships, the user's own, and what is wrong with them."""

from pathlib import Path

import pytest

from candle_workflow.config import load_site, site_names
from candle_workflow.errors import ConfigError


@pytest.fixture
def own(monkeypatch, tmp_path):
    """The folder of the user's own sites."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "candle-workflow" / "sites"
    folder.mkdir(parents=True)
    return folder


def test_the_local_site_takes_the_machine_as_it_is(own):
    site = load_site("local")
    assert (site.name, site.scheduler) == ("local", "local")
    assert (site.cores, site.memory_gb, site.gpus, site.campaigns) == ("auto", "auto", "auto", None)


def test_a_users_own_site_is_read_in_its_units(own):
    (own / "bench.yaml").write_text(
        "title: My desk\ncores: 8\nmemory: 64GB\ngpus: 1\ncampaigns: ~/campaigns\n"
    )
    site = load_site("bench")
    assert (site.title, site.cores, site.memory_gb, site.gpus) == ("My desk", 8, 64.0, 1)
    assert site.campaigns == Path.home() / "campaigns"
    assert site.resolved()["file"] == str(own / "bench.yaml")


def test_a_users_own_site_comes_before_one_that_ships(own):
    (own / "local.yaml").write_text("title: Mine\ncores: 3\n")
    assert load_site("local").title == "Mine"
    assert site_names().count("local") == 1


def test_an_unknown_site_is_refused_with_the_nearest(own):
    (own / "theta.yaml").write_text("title: Mine\n")
    with pytest.raises(ConfigError, match=r"no site 'tetha'\. Did you mean 'theta'"):
        load_site("tetha")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "title: a\nscheduler: slrum\n",
            "s.yaml:2: scheduler: is the text 'slrum', expected local",
        ),
        ("title: a\ncoers: 8\n", "s.yaml:2: coers: unknown key. Did you mean 'cores'?"),
        ("cores: 8\n", "s.yaml: title: is missing"),
        (
            "title: a\nmemory: lots\n",
            "s.yaml:2: memory: is the text 'lots', expected a size such as",
        ),
        ("", "s.yaml: title: is missing"),
        ("- a\n", "s.yaml: is a list, expected a mapping"),
    ],
)
def test_a_wrong_site_file_names_its_line(own, text, words):
    (own / "s.yaml").write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_site("s")
    assert words in str(refusal.value)
