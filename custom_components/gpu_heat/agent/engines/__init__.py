"""The engines that run jobs: one file each behind one narrow class, and a table of them."""
