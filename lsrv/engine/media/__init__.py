"""Pictures and sound in a prompt: from bytes to embeddings that stand among its tokens (mtmd of llama.cpp)."""
