"""Layers that Keras 3 no longer has, for any of its backends."""

from __future__ import annotations

from typing import Any

from candle_workflow.trainers.keras import keras


@keras.saving.register_keras_serializable(package="candle_workflow")
class LocallyConnected1D(keras.layers.Layer):  # type: ignore[misc]  # untyped
    """A 1-D convolution whose kernel differs at every position, as in Keras 2.

    Input (samples, length, channels), output (samples, places, filters) with
    places = (length - size) // stride + 1; the kernel is (places, size * channels, filters),
    the bias (places, filters).
    """

    def __init__(self, filters: int, size: int, *, stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.filters = filters
        self.size = size
        self.stride = stride

    def build(self, input_shape: tuple[int | None, int, int]) -> None:
        _, length, channels = input_shape
        self.places = (length - self.size) // self.stride + 1
        self.kernel = self.add_weight(
            shape=(self.places, self.size * channels, self.filters), name="kernel"
        )
        self.bias = self.add_weight(
            shape=(self.places, self.filters), initializer="zeros", name="bias"
        )

    def call(self, inputs: Any) -> Any:
        reach = self.stride * (self.places - 1) + 1
        windows = [inputs[:, at : at + reach : self.stride, :] for at in range(self.size)]
        patches = keras.ops.concatenate(windows, axis=2)  # (samples, places, size * channels)
        return keras.ops.einsum("npk,pkf->npf", patches, self.kernel) + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, int, int]) -> tuple[Any, ...]:
        return (input_shape[0], (input_shape[1] - self.size) // self.stride + 1, self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "size": self.size, "stride": self.stride}
        return {**super().get_config(), **own}
