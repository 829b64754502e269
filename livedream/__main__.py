"""`python -m livedream` is `livedream`."""

import sys

from livedream.cli.main import main

sys.exit(main())
