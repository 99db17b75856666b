"""One image: a model's answer, what a method says of it, and the picture of both."""
