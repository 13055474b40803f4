"""Models in this process: llama.cpp, its weights, and where they are fetched from."""
