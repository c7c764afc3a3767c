"""A given classifier, XGBoost or ONNX, as part of a processor.

The model travels with the processor as the bytes of its file, so that a worker needs no access to it. The package that
evaluates it is imported when it is used; without it the error says what to install.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from columnar_af.errors import ConfigError, MissingModuleError
from columnar_af.mva.three_muon_inputs import clamped

Values = NDArray[np.float64]

PACKAGES = {".json": "xgboost", ".ubj": "xgboost", ".model": "xgboost", ".onnx": "onnxruntime"}
"""Ending of a model's file -> the package that evaluates it."""


@dataclass(frozen=True)
class Classifier:
    """A trained model and the columns that it takes.

    Attributes:
        package: ``xgboost`` or ``onnxruntime``.
        content: Content of the model's file.
        inputs: Columns, in the order of the training.
        clamp: Whether inputs are clamped to the ranges of the Run 2 training.
        class_index: Which output is the signal, of a model with an output per class.
    """

    package: str
    content: bytes = field(repr=False)
    inputs: tuple[str, ...]
    clamp: bool = False
    class_index: int = 1

    @classmethod
    def load(
        cls, path: str | Path, inputs: Sequence[str], *, clamp: bool = False, class_index: int = 1
    ) -> Classifier:
        """The classifier in a file.

        Raises:
            ConfigError: The file is missing or no model; no inputs are named.
            MissingModuleError: The package that evaluates it is not installed.
        """
        path = Path(path)
        package = PACKAGES.get(path.suffix)
        if package is None:
            msg = f"{path} is no model that can be evaluated: expected a name ending in {', '.join(PACKAGES)}"
            raise ConfigError(msg, advice="save an XGBoost model as JSON or UBJSON, any other as ONNX")
        if not path.is_file() or not inputs:
            msg = f"{path} is missing" if not path.is_file() else f"no inputs are named for {path}"
            raise ConfigError(msg, advice="give a model's file and the columns that it was trained on")
        classifier = cls(package, path.read_bytes(), tuple(inputs), clamp, class_index)
        classifier.scores({name: np.zeros(1) for name in inputs})
        return classifier

    def scores(self, columns: Mapping[str, Values]) -> Values:
        """Output for each candidate.

        Args:
            columns: Column -> values, ``(n,)`` each; a missing input is NaN.

        Returns:
            ``(n,)``.

        Raises:
            ConfigError: An input is no column; or the model cannot be evaluated on them.
        """
        unknown = [name for name in self.inputs if name not in columns]
        if unknown:
            msg = f"the classifier takes {', '.join(unknown)}, which is not among the columns {', '.join(columns)}"
            raise ConfigError(
                msg, advice="name the inputs as in the column list, in the order of the training"
            )
        values = [clamped(name, columns[name]) if self.clamp else columns[name] for name in self.inputs]
        matrix = np.stack(values, axis=1).astype(np.float32)
        if len(matrix) == 0:
            return np.zeros(0)
        evaluate = _xgboost_scores if self.package == "xgboost" else _onnx_scores
        return evaluate(self, matrix)


def _imported(package: str) -> ModuleType:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        msg = f"the classifier needs the package {package}, which is not installed"
        raise MissingModuleError(msg, advice="install columnar-af[mva]") from error


@lru_cache(maxsize=4)
def _booster(content: bytes) -> Any:
    xgboost = _imported("xgboost")
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        msg = f"xgboost cannot read the model: {str(error).splitlines()[0]}"
        raise ConfigError(msg, advice="save the model with Booster.save_model") from error
    return booster


def _xgboost_scores(classifier: Classifier, matrix: NDArray[np.float32]) -> Values:
    booster = _booster(classifier.content)
    if booster.num_features() != matrix.shape[1]:
        raise _wrong_inputs(booster.num_features(), matrix.shape[1])
    names = booster.feature_names
    data = _imported("xgboost").DMatrix(matrix, feature_names=names)
    return _one_output(booster.predict(data), classifier)


@lru_cache(maxsize=4)
def _session(content: bytes) -> Any:
    onnxruntime = _imported("onnxruntime")
    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common base below Exception
        msg = f"onnxruntime cannot read the model: {str(error).splitlines()[0]}"
        raise ConfigError(msg, advice="export the model to ONNX again") from error


def _onnx_scores(classifier: Classifier, matrix: NDArray[np.float32]) -> Values:
    session = _session(classifier.content)
    expected = session.get_inputs()[0]
    if isinstance(expected.shape[-1], int) and expected.shape[-1] != matrix.shape[1]:
        raise _wrong_inputs(expected.shape[-1], matrix.shape[1])
    output = session.get_outputs()[-1].name  # converters of classifiers put the labels first, the scores last
    return _one_output(session.run([output], {expected.name: matrix})[0], classifier)


def _wrong_inputs(expected: int, given: int) -> ConfigError:
    msg = f"the model takes {expected} inputs, but {given} columns are named for it"
    return ConfigError(msg, advice="name the columns of the training, in its order")


def _one_output(output: Any, classifier: Classifier) -> Values:
    scores = np.asarray(output, dtype=np.float64)
    return scores[:, min(classifier.class_index, scores.shape[1] - 1)] if scores.ndim > 1 else scores
