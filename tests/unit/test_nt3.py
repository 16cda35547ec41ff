"""NT3 is the published network: parameters, layers, settings; its input errors are named."""

import pytest
from candle_benchmarks.nt3 import BENCHMARK, build, describe, layer_sizes

from candle_workflow.errors import ConfigError

SMALL = BENCHMARK.defaults() | {"conv": [4, 5, 1, 3, 4, 1], "dense": [6, 5], "features": 80}


def test_the_published_count():
    about = describe(BENCHMARK.defaults("full"))
    assert about["parameters"] == about["trainable"] == 154_922_918
    assert about["input_shape"] == [60_483, 1]
    # 36 classes make TC1's network
    assert describe(BENCHMARK.defaults() | {"classes": 36})["parameters"] == 154_923_632


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"pool": 2},
        {"pool": [3, 5]},
        {"pool": [1, 1]},
        {"conv": [4, 5, 2, 3, 4, 3]},
        {"conv": [[4, 5, 1], [3, 4, 1]]},
        {"conv": [4, 5, 1]},
        {"conv": [4, 5, 1, 3, 4, 1, 2, 3, 1, 2, 2, 2], "pool": [1, 2, 2, 1]},
        {"conv": []},
        {"dense": [7, 0, 3]},
        {"dense": []},
        {"dense": 9},
        {"classes": 5, "dropout": 0.0},
        {"features": 81, "pool": [2, 10]},
        {"locally_connected": True},
        {"locally_connected": True, "conv": [4, 5, 3, 3, 4, 2], "pool": [1, 2]},
    ],
    ids=str,
)
def test_counts_equal_those_of_keras(change):
    params = SMALL | change
    model = build(params, params["features"])
    assert describe(params)["parameters"] == model.count_params()
    assert model.output_shape == (None, params["classes"])
    kinds = [size for _, size in layer_sizes(params, params["features"])]
    assert kinds == [n for n in (layer.count_params() for layer in model.layers) if n]


def test_activation_after_pooling_is_the_published_order():
    """Same outputs and gradients as activation first, as published."""
    keras = pytest.importorskip("keras")
    import numpy as np

    layers = keras.layers
    params = SMALL | {"dropout": 0.0, "momentum": 0.9}
    keras.utils.set_random_seed(3)
    ours = build(params, 80)
    published = keras.Sequential(
        [
            keras.Input((80, 1)),
            layers.Conv1D(4, 5),
            layers.Activation("relu"),
            layers.MaxPooling1D(1),
            layers.Conv1D(3, 4),
            layers.Activation("relu"),
            layers.MaxPooling1D(10),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dense(5, activation="relu"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    published.set_weights(ours.get_weights())
    published.compile(keras.optimizers.SGD(0.001, momentum=0.9), "categorical_crossentropy")
    random = np.random.RandomState(0)
    x, y = random.normal(size=(16, 80, 1)).astype("f4"), np.eye(2, dtype="f4")[[0, 1] * 8]
    for _ in range(3):
        ours.train_on_batch(x, y)
        published.train_on_batch(x, y)
    for one, other in zip(ours.get_weights(), published.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_locally_connected_equals_its_definition(tmp_path):
    keras = pytest.importorskip("keras")
    import numpy as np

    from candle_workflow.trainers.keras_layers import LocallyConnected1D

    model = keras.Sequential([keras.Input((11, 2)), LocallyConnected1D(3, 4, stride=2)])
    kernel, _ = model.get_weights()
    bias = np.arange(12, dtype="f4").reshape(4, 3)
    model.set_weights([kernel, bias])
    x = np.random.RandomState(0).normal(size=(5, 11, 2)).astype("f4")
    expected = np.stack(
        [x[:, 2 * p : 2 * p + 4].reshape(5, 8) @ kernel[p] + bias[p] for p in range(4)], axis=1
    )
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict_on_batch(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BENCHMARK.settings["optimizer"].choices)
def test_every_optimizer_gets_its_settings(name):
    params = SMALL | {"optimizer": name, "learning_rate": 0.02, "momentum": 0.5, "nesterov": True}
    built = build(params, 80).optimizer
    optimizer = built.get_config()
    assert type(built).__name__.lower() == name
    assert float(optimizer["learning_rate"]) == pytest.approx(0.02)
    if name == "sgd":
        assert (optimizer["momentum"], optimizer["nesterov"]) == (0.5, True)


@pytest.mark.parametrize("loss", BENCHMARK.settings["loss"].choices)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_every_loss_is_known_to_keras(loss, activation):
    assert build(SMALL | {"loss": loss, "activation": activation}, 80).loss == loss


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"conv": [4, 5]}, "params.conv", "has 2 numbers, expected three of each layer"),
        ({"conv": [4, 0, 1]}, "params.conv and params.pool", "from 1"),
        ({"conv": [4, 90, 1]}, "params.conv", "size 90 .* do not fit on the 80 values"),
        ({"pool": [1, 80]}, "params.conv", "pooling of 80 do not fit on the 76 values"),
        ({"pool": [1]}, "params.pool", "has 1 numbers, expected one of each of the 2"),
        ({"conv": "128 20 1"}, "params.conv", "is '128 20 1', expected whole numbers"),
        ({"dense": [6, 5.5]}, "params.dense", "expected whole numbers"),
        ({"pool": [True, 2]}, "params.pool", "expected whole numbers"),
    ],
)
def test_what_does_not_fit_is_named(change, key, said):
    with pytest.raises(ConfigError, match=said) as caught:
        describe(SMALL | change)
    assert caught.value.key == key


def test_presets_and_aliases_name_settings():
    for preset in BENCHMARK.presets:
        assert set(BENCHMARK.defaults(preset)) == set(BENCHMARK.settings)
    assert set(BENCHMARK.aliases.values()) <= set(BENCHMARK.settings)
    assert not set(BENCHMARK.aliases) & set(BENCHMARK.settings)
    assert BENCHMARK.defaults("perf")["batch_size"] == 5
    assert BENCHMARK.defaults("full")["epochs"] == 400


def test_describing_imports_no_framework():
    import subprocess
    import sys

    code = (
        "import sys; from candle_benchmarks.nt3 import BENCHMARK as b; b.describe(b.defaults());"
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
