"""Parts of `LabelledText`: its sources, words, split and batches."""
