"""Does a method's map depend on what the model has learnt? Shuffle the weights, and compare."""
