"""Checks of a recipe before a long run: each with measured numbers, expectations and remedies."""

from dlcore.insight.preflight.recipe import CHECKS, check_recipe, check_training
from dlcore.insight.preflight.report import CheckResult, Finding, PreflightReport, Verdict

__all__ = ["CHECKS", "CheckResult", "Finding", "PreflightReport", "Verdict", "check_recipe", "check_training"]
