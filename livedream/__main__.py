"""`python -m livedream` is `livedream`."""

import sys

from livedream_launcher import main

sys.exit(main())
