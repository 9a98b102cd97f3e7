"""Parts of `Table`: the form of a CSV file, its columns, its target, its split, its encoding as numbers."""
