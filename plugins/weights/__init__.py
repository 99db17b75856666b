"""Files of weights: what is wrong with a folder of them, reading one, and turning a pickle into safetensors."""
