"""Everything that makes a model: corpora, splits, recipes, training, evaluation."""
