"""The tools, one file each; `catalog` lists them."""
