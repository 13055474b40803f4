"""Ways to a language model: endpoints, llama.cpp in process, a simulated judge; and their store."""
