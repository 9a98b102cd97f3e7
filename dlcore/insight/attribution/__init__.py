"""Which parts of its input decided a trained model's answer: maps of pictures, columns of tables, words of texts."""
