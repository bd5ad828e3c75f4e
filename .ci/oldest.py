"""Write the oldest release that pyproject.toml allows of each dependency, as constraints for pip, to stdout."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

content = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
project = content["project"]
extras = project["optional-dependencies"]
declared = chain(project["dependencies"], *extras.values(), content["dependency-groups"]["test"])
for requirement in declared:
    sys.stdout.write(re.sub(r">=([^,]+).*", r"==\1", requirement) + "\n")
