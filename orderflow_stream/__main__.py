"""`python -m orderflow_stream` is the command `orderflow-stream`."""

import sys

from orderflow_stream.cli import main

sys.exit(main())
