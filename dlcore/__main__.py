"""Entry point of ``python -m dlcore``."""

import sys

from dlcore.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
