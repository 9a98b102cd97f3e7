"""LightningDataModules. To add one: a new file, its name here, a recipe."""

from dlcore.data.array_data import ArrayData, Split
from dlcore.data.chinese_corpus import ChineseCorpus
from dlcore.data.fashion_mnist import FashionMNIST
from dlcore.data.image_folder import ImageFolder
from dlcore.data.labelled_text import LabelledText
from dlcore.data.table import Table

__all__ = ["ArrayData", "ChineseCorpus", "FashionMNIST", "ImageFolder", "LabelledText", "Split", "Table"]
