"""Callbacks that observe and control a fit. To add one, write a new file and add its name here.

Each has its own section in recipes and on the command line (``--early_stopping.patience 5``).
"""

from dlcore.callbacks.checkpoint import Checkpoint
from dlcore.callbacks.early_stopping import EarlyStopping
from dlcore.callbacks.exact_resume import ExactResume
from dlcore.callbacks.feature_map_images import FeatureMaps
from dlcore.callbacks.fine_tuning import FineTuning
from dlcore.callbacks.input_samples import InputSamples
from dlcore.callbacks.mistakes import Mistakes
from dlcore.callbacks.non_finite_loss import NonFiniteLoss
from dlcore.callbacks.notebook_curves import NotebookCurves as NotebookCurves  # fit has it in notebooks
from dlcore.callbacks.parameter_distribution import ParameterDistribution
from dlcore.callbacks.progress_display import ProgressDisplay
from dlcore.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from dlcore.callbacks.run_summary import RunSummary
from dlcore.callbacks.standard import standard as standard
from dlcore.callbacks.steps_per_execution import StepsPerExecution as StepsPerExecution  # fit has a flag for it
from dlcore.callbacks.text_memory import TextMemory
from dlcore.callbacks.text_samples import TextSamples
from dlcore.callbacks.thread_tuning import ThreadTuning
from dlcore.callbacks.token_loss_images import TokenLoss
from dlcore.callbacks.weight_averaging import WeightAveraging
from dlcore.callbacks.word_embeddings import WordEmbeddings

# The order in which they process new metrics. Checkpoint comes last, so that it saves what the others changed.
__all__ = [  # noqa: RUF022
    "ProgressDisplay",
    "ThreadTuning",
    "FineTuning",
    "NonFiniteLoss",
    "WeightAveraging",
    "EarlyStopping",
    "ReduceLROnPlateau",
    "ParameterDistribution",
    "InputSamples",
    "FeatureMaps",
    "Mistakes",
    "TextSamples",
    "TokenLoss",
    "TextMemory",
    "WordEmbeddings",
    "RunSummary",
    "ExactResume",
    "Checkpoint",
]
