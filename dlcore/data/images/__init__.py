"""Parts of `dlcore.data.image_folder`: find pictures, decode them, cache them, augment them."""
