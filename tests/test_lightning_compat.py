"""What of Lightning, torch, torchmetrics and jsonargparse without a public name dlcore rests on, and what for.

`.ci/run` also runs this file with the newest releases, before anybody has them.
"""

from operator import attrgetter

import jsonargparse
import lightning.fabric
import pytest
import torch
import torch.export._patches
from lightning.pytorch import LightningModule, Trainer, callbacks, loops, strategies, trainer
from lightning.pytorch.trainer.connectors.logger_connector import result
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from torch.optim import Adam, lr_scheduler
from torch.optim import optimizer as hooks
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.tensorboard import SummaryWriter
from torchmetrics import SumMetric
from torchmetrics.classification import MulticlassAccuracy
from torchmetrics.wrappers import Running

from dlcore.execution.batch_fetch import fetch_by_index

LOADER = DataLoader(TensorDataset(torch.arange(6.0)), 2)


def fetcher(loader=LOADER):
    made = loops.fetchers._PrefetchDataFetcher()
    made.setup(CombinedLoader(loader))
    return iter(made)


def observer():
    """Of Lightning's: what kills the processes that it has started."""
    script = lightning.fabric.strategies.launchers.subprocess_script
    return script._ChildProcessObserver(main_pid=0, child_processes=[])


def entry():
    meta = result._Metadata("training_step", "loss", on_step=True, on_epoch=True)
    return result._ResultMetric(meta, is_tensor=True)


def optimizer():
    """As it is after a step that a schedule has watched."""
    made = Adam([torch.ones(1, requires_grad=True)], fused=True)
    lr_scheduler.StepLR(made, 1)
    made.step()
    return made


def schedule():
    made = Adam([torch.ones(1)])
    return lr_scheduler.SequentialLR(made, [lr_scheduler.ConstantLR(made) for _ in "ab"], [3])


OBJECTS = {
    "disabled": lambda: torch.compiler.disable(lambda: None),
    "Trainer": lambda: Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False),
    "LightningModule": LightningModule,
    "DDPStrategy": strategies.DDPStrategy,
    "Callback": callbacks.Callback,
    "ProgressBar": callbacks.ProgressBar,
    "WeightAveraging": callbacks.WeightAveraging,
    "ModelCheckpoint": lambda: callbacks.ModelCheckpoint(every_n_train_steps=3),
    "BatchSizeFinder": callbacks.BatchSizeFinder,
    "LearningRateFinder": callbacks.LearningRateFinder,
    "loops": lambda: loops,
    "launchers": lambda: strategies.launchers,
    "call": lambda: trainer.call,
    "result": lambda: result,
    "results": lambda: result._ResultCollection(True),
    "observer": observer,
    "entry": entry,
    "fetcher": fetcher,
    "iterator": lambda: fetcher().iterator._iterator.iterators[0],
    "torch": lambda: torch,
    "hooks": lambda: hooks,
    "optimizer": optimizer,
    "schedule": schedule,
    "LSTM": lambda: torch.nn.LSTM(2, 2),
    "SummaryWriter": lambda: SummaryWriter,
    "MulticlassAccuracy": lambda: MulticlassAccuracy(3),
    "SumMetric": SumMetric,
    "Running": lambda: Running(SumMetric()),
    "jsonargparse": lambda: jsonargparse,
}
# What breaks in dlcore, and for want of which names, each line those of one object.
NAMES = {
    "StepsPerExecution takes an epoch in executions": """
        Trainer.fit_loop.epoch_loop: advance batch_progress restarting update_lr_schedulers
        Trainer.fit_loop.epoch_loop: _results _batches_that_stepped _should_accumulate
        loops.training_epoch_loop: _TrainingEpochLoop""",
    "StepsPerExecution ends an execution where a validation or a checkpoint is due": """
        Trainer.fit_loop.epoch_loop: _should_check_val_epoch
        ModelCheckpoint: _every_n_train_steps""",
    "StepsPerExecution knows what it must not do": """
        Trainer.fit_loop.epoch_loop.automatic_optimization: _skip_backward
        Trainer: _val_check_time_interval
        DDPStrategy: _ddp_comm_state
        LightningModule: _compiler_ctx
        loops.fetchers: _DataFetcher _DataLoaderIterDataFetcher""",
    "global_step counts the steps of an execution": """
        Trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer: step zero_grad""",
    "within an execution the hooks of modules, data and precision are called": """
        Trainer._data_connector: _datahook_selector
        Trainer.precision_plugin: _clip_gradients
        call: _call_lightning_module_hook
        loops.utilities: _block_parallel_sync_behavior""",
    "within an execution self.log adds up the same values": """
        Trainer: _logger_connector
        Trainer._logger_connector: _first_loop_iter on_batch_end update_train_step_metrics
        entry: value cumulated_batch_size has_reset meta _forward_cache _computed _update_count
        result: _ResultCollection _ResultMetric _get_default_dtype
        results: _extract_batch_size batch_size
        LightningModule: _current_fx_name""",
    "within an execution metrics are updated once, on all batches": """
        MulticlassAccuracy: _defaults _reductions _update_count _forward_cache _forward_hooks _forward_pre_hooks
        torch.nn.modules.module: _global_forward_hooks""",
    "batches of a TensorDataset are taken by index": """
        fetcher.iterator: _iterator
        iterator: _dataset_fetcher _next_data _num_yielded
        torch.utils.data.dataloader: _SingleProcessDataLoaderIter""",
    "Adam's fused step is taken directly, unless somebody watches": """
        torch: _fused_adam_ _fused_adamw_ _foreach_add_
        hooks: _global_optimizer_pre_hooks _global_optimizer_post_hooks
        optimizer: _optimizer_step_pre_hooks _optimizer_step_post_hooks _opt_called""",
    "an optimiser of the CPU looks for no GPU in each step": """
        optimizer: _accelerator_graph_capture_health_check""",
    "gradients are clipped under mixed precision with a fused optimiser": """
        optimizer: _step_supports_amp_scaling""",
    "NonFiniteLoss cuts the rate of any schedule": """
        schedule: _last_lr _schedulers""",
    "NonFiniteLoss finds what is wrong in any batch": """
        torch.utils: _pytree
        torch.utils._pytree: tree_leaves""",
    "a function that is kept from the compiler stays so, loaded or not": """
        disabled: _torchdynamo_disable""",
    "weights between a recurrent layer's states are dropped": """
        LSTM: _flat_weights _flat_weights_names""",
    "export --format torch writes recurrent layers for texts of any length": """
        torch.export: _patches""",
    "somebody who looks at a TextRNN's scores gets them": """
        LSTM: _forward_hooks""",
    "the network that is checked before a fit is a copy without trainer": """
        LightningModule: _trainer""",
    "a schedule's length is known before the loaders are made": """
        Trainer._data_connector: attach_data
        Trainer.fit_loop._data_source: dataloader""",
    "checkpoints and metrics of an epoch wait for the validation that follows": """
        Trainer.fit_loop: _data_fetcher
        Trainer.fit_loop.epoch_loop: _should_check_val_fx""",
    "exact resume: a run goes on just where its checkpoint was written": """
        Trainer.fit_loop: _restarting _combined_loader_states_to_load on_iteration_done
        Trainer.fit_loop.epoch_loop: _restart_stage _is_training_done _num_ready_batches_reached
        Trainer.fit_loop.epoch_loop.val_loop: _restart_stage _has_run
        Trainer._logger_connector: epoch_end_reached on_epoch_end update_train_epoch_metrics""",
    "exact resume: the next batch is the next one": """
        Trainer.fit_loop: _combined_loader""",
    "exact resume: what was logged, and what metrics have added up, goes on": """
        Trainer.fit_loop.epoch_loop.val_loop: _results
        Running: _num_vals_seen""",
    "a resumed run logs the batches of its validations at the steps that follow": """
        Trainer.fit_loop.epoch_loop.val_loop: _seen_batches_per_dataloader""",
    "processes that torchrun starts again meet": """
        DDPStrategy: _get_process_group_backend _timeout""",
    "the gradients of layers that come free are averaged over the processes": """
        DDPStrategy: _setup_model _register_ddp_hooks""",
    "the loss of a process is said before the others end": """
        launchers.subprocess_script: _SubprocessScriptLauncher
        Trainer._signal_connector: register_signal_handlers
        observer: _child_processes""",
    "what Lightning's finders have found stands in the run's config": """
        BatchSizeFinder: _batch_arg_name
        LearningRateFinder: _attr_name""",
    "what a file may name is checked while it is parsed, and no longer": """
        jsonargparse: _common
        jsonargparse._common: parsing_settings""",
}
# What classes of dlcore override, or use as theirs, of what they derive from.
INHERITED = {
    "checkpoints of older releases are read": "Callback: _legacy_state_key",
    "the display shows nothing in other processes": "ProgressBar: _trainer",
    "a checkpoint is read outside a fit too": "LightningModule: _trainer",
    "the average of the weights is updated without waiting": "WeightAveraging: _average_model _latest_update_step",
    "sums of metrics stay exact in a network of low precision": "SumMetric: _apply",
    "events are written in the background": "SummaryWriter: _get_file_writer",
}


def private_names(table):
    """All those of a table: in the ways to its objects too."""
    words = " ".join(table.values()).replace(".", " ").replace(":", " ").split()
    return {word for word in words if word.startswith("_")}


@pytest.mark.parametrize(("promise", "lines"), [*NAMES.items(), *INHERITED.items()])
def test_a_private_name_is_where_it_was(promise, lines):
    for line in lines.strip().splitlines():
        place, names = line.strip().split(": ")
        first, *others = place.split(".")
        try:
            holder = OBJECTS[first]()
            holder = attrgetter(".".join(others))(holder) if others else holder
            gone = [name for name in names.split() if not hasattr(holder, name)]
        except AttributeError as error:
            gone = [error]
        assert not gone, f"This breaks: {promise}. Gone: {place}: {gone}"


def test_a_child_process_observer_has_the_name_by_which_it_is_found():
    assert observer().name == "child-process-observer"


def test_a_plain_loader_is_read_by_index_and_any_other_is_not():
    made = fetcher()
    assert fetch_by_index(made)
    assert [batch[0].tolist() for (batch, _, _) in made] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    other = DataLoader(TensorDataset(torch.arange(6.0)), 2, collate_fn=lambda samples: len(samples))
    assert not fetch_by_index(fetcher(other))
