"""What pyproject.toml cannot say: a wheel carries the recipes, configs/ of this repository, as dlcore/configs/."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["dlcore*"]),
        *("dlcore.configs", "dlcore.configs.studies", "dlcore.runs.templates", "dlcore.studies.templates"),
        "dlcore.data.lyrics",
        "dlcore.cli.templates",
        "dlcore.locale.zh_CN.LC_MESSAGES",
        "dlcore.export.scripts",
    ],
    package_dir={"dlcore.configs": "configs"},
    package_data={
        "dlcore": ["py.typed"],
        "dlcore.locale.zh_CN.LC_MESSAGES": ["*.mo"],
        "dlcore.cli.templates": ["*"],
        "dlcore.configs": ["*.yaml"],
        "dlcore.runs.templates": ["*"],
        "dlcore.studies.templates": ["*"],
        "dlcore.configs.studies": ["*.yaml"],
        "dlcore.data.lyrics": ["*"],
        "dlcore.data.topics": ["templates.yaml"],
        "dlcore.textbook": ["lessons.yaml"],
    },
)
