"""What `Table` stands on: the form of a CSV file, its columns, its target, its parts, how it becomes numbers."""
