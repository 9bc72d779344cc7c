"""Apps that bring about each cause that explain can name, as the pages in `docs_index/corpus/causes` show it."""
