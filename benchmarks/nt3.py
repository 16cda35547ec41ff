"""NT3: tell normal from tumour tissue by gene expression, with a one-dimensional convnet.

The network and the defaults are those of CANDLE's Pilot1 benchmark NT3: at its full width of
60,483 genes it has 154,922,918 parameters. What differs is said in docs/benchmarks/nt3.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from candle_workflow.errors import ConfigError, DataError
from candle_workflow.trainers.benchmark import Benchmark, Setting
from candle_workflow.trainers.context import Context

WIDTH = 60_483  # genes of the published data
VALIDATION_BATCH = 32

# All of these are monotone, which lets build() apply them after pooling.
ACTIVATIONS = ("relu", "elu", "selu", "leaky_relu", "tanh", "sigmoid", "softplus", "softsign")
OPTIMIZERS = ("sgd", "adam", "adamw", "nadam", "adamax", "rmsprop", "adagrad", "adadelta")
LOSSES = ("categorical_crossentropy", "kl_divergence", "mean_squared_error", "squared_hinge")

SETTINGS = {
    "conv": Setting([128, 20, 1, 128, 10, 1], "filters, size, stride of each convolution"),
    "pool": Setting([1, 10], "pooling after each convolution: a list, or one number for all"),
    "dense": Setting([200, 20], "units of the dense layers; 0 leaves one out"),
    "activation": Setting("relu", "of all layers but the last", choices=ACTIVATIONS),
    "out_activation": Setting("softmax", "of the last layer", choices=("softmax", "sigmoid")),
    "dropout": Setting(0.1, "after each dense layer", low=0.0, high=0.95),
    "locally_connected": Setting(False, "kernels of their own at every position", (True, False)),
    "classes": Setting(2, "outputs", low=2),
    "features": Setting(None, "keep so many genes, the most varied in training; all if null"),
    "scaling": Setting("maxabs", "of each gene", choices=("none", "std", "minmax", "maxabs")),
    "loss": Setting("categorical_crossentropy", "what is minimised", choices=LOSSES),
    "optimizer": Setting("sgd", "how", choices=OPTIMIZERS),
    "learning_rate": Setting(0.001, "of the optimizer, at the start", low=0.0),
    "momentum": Setting(0.0, "of sgd and rmsprop; others have none", low=0.0, high=0.9999),
    "nesterov": Setting(False, "Nesterov's momentum, of sgd", (True, False)),
    "batch_size": Setting(20, "samples of one step", low=1),
    "epochs": Setting(400, "passes over the training samples", low=1),
    "reduce_lr_patience": Setting(
        10, "epochs without a better val_loss until the learning rate falls; 0 is never", low=0
    ),
    "reduce_lr_factor": Setting(0.1, "by which it falls", low=0.0, high=1.0),
    "early_stop": Setting(0, "epochs without a better val_loss until the end; 0 is never", low=0),
    "save_model": Setting(True, "save model.keras and model.inputs.npz at the end", (True, False)),
}

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "full": {},
    "perf": {"epochs": 50, "batch_size": 5},
    "small": {
        "conv": [16, 20, 4, 16, 10, 1],
        "dense": [50, 20],
        "features": 1000,
        "batch_size": 5,
        "epochs": 5,
        "scaling": "std",
    },
}

METRICS = {
    "loss": "min",
    "accuracy": "max",
    "val_loss": "min",
    "val_accuracy": "max",
    "val_auc": "max",
    "learning_rate": "min",
    "duration_s": "min",
    "samples_per_s": "max",
}


def convolutions(params: Mapping[str, Any]) -> list[tuple[int, int, int, int]]:
    """Give filters, size, stride and pooling of each convolution.

    ``conv`` is flat, as CANDLE writes it, or a list of triples.

    Raises
    ------
    ConfigError
        ``conv`` or ``pool`` is not such a list.
    """
    conv, pool = _numbers(params, "conv"), params["pool"]
    if len(conv) % 3:
        raise ConfigError(
            f"has {len(conv)} numbers, expected three of each layer: filters, size, stride",
            key="params.conv",
        )
    triples = [conv[at : at + 3] for at in range(0, len(conv), 3)]
    pools = [pool] * len(triples) if isinstance(pool, int) else _numbers(params, "pool")
    if len(pools) < len(triples):
        raise ConfigError(
            f"has {len(pools)} numbers, expected one of each of the {len(triples)} convolutions",
            key="params.pool",
        )
    layers = [(*triple, size) for triple, size in zip(triples, pools, strict=False)]
    if any(value < 1 for layer in layers for value in layer):
        raise ConfigError("expected numbers from 1", key="params.conv and params.pool")
    return layers  # type: ignore[return-value]  # three and one are four


def _numbers(params: Mapping[str, Any], name: str) -> list[int]:
    value = params[name]
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    flat = [n for item in items for n in (item if isinstance(item, Sequence) else [item])]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in flat):
        raise ConfigError(f"is {value!r}, expected whole numbers", key=f"params.{name}")
    return flat


def layer_sizes(params: Mapping[str, Any], features: int) -> list[tuple[str, int]]:
    """Give the name and the parameter count of every layer that has any, from shapes alone.

    Raises
    ------
    ConfigError
        A layer is larger than what is left of its input.
    """
    sizes, length, channels = [], features, 1
    for filters, size, stride, pool in convolutions(params):
        places = (length - size) // stride + 1
        if places < pool:
            raise ConfigError(
                f"a convolution of size {size} and a pooling of {pool} do not fit on the"
                f" {length} values that are left there (of {features} features)",
                key="params.conv",
            )
        one = size * channels * filters + filters
        local = bool(params["locally_connected"])
        sizes.append(("local" if local else "conv", one * places if local else one))
        length, channels = places // pool, filters
    inputs = length * channels
    for units in (*filter(None, _numbers(params, "dense")), int(params["classes"])):
        sizes.append(("dense", inputs * units + units))
        inputs = units
    return sizes


def describe(params: dict[str, Any]) -> dict[str, Any]:
    """Count the parameters without making any; at the published width if features is null."""
    features = params["features"] or WIDTH
    sizes = layer_sizes(params, features)
    count = sum(size for _, size in sizes)
    return {
        "parameters": count,
        "trainable": count,
        "input_shape": [features, 1],
        "output_shape": [params["classes"]],
        "layers": [{"kind": kind, "parameters": size} for kind, size in sizes],
    }


def build(params: Mapping[str, Any], features: int) -> Any:
    """Build and compile the network for so many features."""
    import keras

    from candle_workflow.trainers.keras_layers import LocallyConnected1D

    layer_sizes(params, features)  # refuses what does not fit, in our words
    layers = keras.layers
    model = keras.Sequential([keras.Input((features, 1))], name="nt3")
    for filters, size, stride, pool in convolutions(params):
        if params["locally_connected"]:
            model.add(LocallyConnected1D(filters, size, stride=stride))
        else:
            model.add(layers.Conv1D(filters, size, strides=stride))
        # Published: activation, then pooling. A monotone function commutes with a maximum,
        # and after it works on fewer values. Pooling by 1 does nothing.
        if pool > 1:
            model.add(layers.MaxPooling1D(pool))
        model.add(layers.Activation(params["activation"]))
    model.add(layers.Flatten())
    for units in filter(None, _numbers(params, "dense")):
        model.add(layers.Dense(units, activation=params["activation"]))
        if params["dropout"]:
            model.add(layers.Dropout(params["dropout"]))
    model.add(layers.Dense(params["classes"], activation=params["out_activation"]))
    model.compile(optimizer=_optimizer(params), loss=params["loss"], metrics=["accuracy"])
    return model


def _optimizer(params: Mapping[str, Any]) -> Any:
    import keras

    options: dict[str, Any] = {"learning_rate": params["learning_rate"]}
    if params["optimizer"] in ("sgd", "rmsprop"):
        options["momentum"] = params["momentum"]
    if params["optimizer"] == "sgd":
        options["nesterov"] = params["nesterov"]
    # by class name and arguments: keras.optimizers.get refuses a name with a learning rate
    return keras.optimizers.get({"class_name": params["optimizer"], "config": options})


def train(params: dict[str, Any], context: Context) -> dict[str, float]:
    """Train on the campaign's data; report every epoch, continue from a checkpoint."""
    import numpy as np

    from candle_workflow.data.dataset import prepare
    from candle_workflow.trainers.keras import Checkpointer, Reporter, keras
    from candle_workflow.trainers.keras_fit import Validation, fit

    keras.utils.set_random_seed(context.seed % 2**32)
    data = prepare(
        context.data, context.root, scaling=params["scaling"], features=params["features"]
    )
    classes = params["classes"]
    if len(data.arrays.classes) != classes:
        raise DataError(
            f"the data have {len(data.arrays.classes)} classes ({', '.join(data.arrays.classes)}),"
            f" the network has {classes} outputs; set params.classes"
        )
    one_hot = np.eye(classes, dtype=np.float32)
    model = build(params, data.train_x.shape[1])
    schedule = _schedule(params)
    validation = Validation(
        data.valid_x[..., None],
        data.valid_y,
        one_hot[data.valid_y],
        batch_size=max(params["batch_size"], VALIDATION_BATCH),
    )
    reporter = Reporter(context, samples=len(data.train_y))
    checkpointer = Checkpointer(context, model, keep=schedule)
    fit(
        model,
        data.train_x[..., None],
        one_hot[data.train_y],
        batch_size=params["batch_size"],
        epochs=params["epochs"],
        seed=context.seed,
        callbacks=[validation, *schedule, reporter, checkpointer],
        begin=checkpointer.restore(),
    )
    if params["save_model"] and not context.should_stop():
        model.save(context.folder / "model.keras")
        data.inputs.save(
            context.folder / "model.inputs.npz",
            names=data.arrays.names,
            classes=data.arrays.classes,
        )
    return reporter.final


def _schedule(params: Mapping[str, Any]) -> list[Any]:
    """Give the callbacks that change the learning rate or end the training early."""
    import keras

    chosen = []
    if params["reduce_lr_patience"]:
        chosen.append(
            keras.callbacks.ReduceLROnPlateau(
                monitor="val_loss",
                factor=params["reduce_lr_factor"],
                patience=params["reduce_lr_patience"],
            )
        )
    if params["early_stop"]:
        chosen.append(
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=params["early_stop"])
        )
    return chosen


BENCHMARK = Benchmark(
    name="nt3",
    title="NT3: normal against tumour tissue by gene expression (CANDLE Pilot1)",
    settings=SETTINGS,
    presets=PRESETS,
    metrics=METRICS,
    train=train,
    describe=describe,
    framework="keras",
    sources=("bladder",),
    aliases={"lr": "learning_rate", "drop": "dropout", "out_act": "out_activation"},
)
