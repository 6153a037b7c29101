"""``python -m arcvq_lite`` is ``arcvq``."""

import sys

from arcvq_lite.cli import main

sys.exit(main())
