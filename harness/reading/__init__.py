"""Image files, PIL images and arrays become pixels: for sources, and for those who explain an image of their own."""
