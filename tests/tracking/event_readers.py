"""Reads what a run logged: event by event, and as TensorBoard's own tabs show it."""

import json
import warnings
from pathlib import Path

from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups


def events_of(folder):
    everything = dict.fromkeys(("scalars", "histograms", "images", "tensors"), 0)
    return EventAccumulator(str(folder), size_guidance=everything).Reload()


def scalars(folder, tag):
    return [(event.step, event.value) for event in events_of(folder).Scalars(tag)]


class TensorBoard:
    """What TensorBoard's own backends make of a folder of runs."""

    def __init__(self, logs: Path) -> None:
        events = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(str(logs))
        events.Reload()
        provider = data_provider.MultiplexerDataProvider(events, str(logs))
        self.context = base_plugin.TBContext(data_provider=provider, logdir=str(logs), plugin_name_to_instance={})

    def charts(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the HTML library inside TensorBoard
            from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin
        layout = json.loads(CustomScalarsPlugin(self.context).layout_impl(RequestContext(), ""))
        return [(chart["title"], chart["multiline"]["tag"]) for part in layout["category"] for chart in part["chart"]]

    def hparams(self):
        """The rows of the HPARAMS tab: run → (settings, metrics, status)."""
        context = backend_context.Context(self.context)
        everything = api_pb2.GetExperimentRequest(include_metrics=True)
        experiment = get_experiment.Handler(RequestContext(), context, "", everything).run()
        request = api_pb2.ListSessionGroupsRequest(slice_size=100, include_metrics=True, allowed_statuses=range(4))
        groups = list_session_groups.Handler(RequestContext(), context, "", request).run().session_groups
        self.hparam_names = {info.name for info in experiment.hparam_infos}
        self.metric_names = {info.name.tag for info in experiment.metric_infos}
        return {
            group.name: (
                {name: getattr(value, value.WhichOneof("kind")) for name, value in group.hparams.items()},
                {value.name.tag: value.value for value in group.metric_values},
                api_pb2.Status.Name(group.sessions[0].status),
            )
            for group in groups
        }
