"""Apps that bring about each cause that explain can name, as `docs_index/corpus/causes` shows them."""
