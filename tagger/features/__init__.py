"""From characters and words to integer features: 64-bit keys, templates over windows, TF-IDF rows."""
