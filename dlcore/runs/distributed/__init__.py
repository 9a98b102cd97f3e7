"""Several processes of one training: they meet, agree, watch over each other, part, and are started again."""
