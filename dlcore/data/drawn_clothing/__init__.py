"""Ten kinds of clothing, drawn by dlcore: what the image recipes train on when no real data are available."""

from dlcore.data.drawn_clothing.drawn_image import CLASS_NAMES, draw_clothing

__all__ = ["CLASS_NAMES", "draw_clothing"]
