"""Names for the arrays that pass between the rooms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
F64Array = NDArray[np.float64]
I16Array = NDArray[np.int16]
I32Array = NDArray[np.int32]
I64Array = NDArray[np.int64]
U8Array = NDArray[np.uint8]
U32Array = NDArray[np.uint32]
U64Array = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]
