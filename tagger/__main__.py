"""Lets ``python -m tagger`` stand for the ``tagger`` command."""

import sys

from tagger.cli import main

if __name__ == "__main__":
    sys.exit(main())
