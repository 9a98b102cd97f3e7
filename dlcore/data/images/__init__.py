"""What `dlcore.data.image_folder` is made of: finding pictures, decoding them, keeping them, changing them."""
