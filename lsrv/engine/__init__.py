"""llama.cpp inside one process: slots, scheduling, batches, sampling, memory. Takes values, reports numbers."""
