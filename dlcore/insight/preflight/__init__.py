"""A recipe looked at before a long run: checks with numbers, each with what was expected and what to type."""

from dlcore.insight.preflight.recipe import CHECKS, check_recipe, check_training
from dlcore.insight.preflight.report import CheckResult, Finding, PreflightReport, Verdict

__all__ = ["CHECKS", "CheckResult", "Finding", "PreflightReport", "Verdict", "check_recipe", "check_training"]
