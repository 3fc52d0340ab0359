"""Frozen source models: list them, or download and convert those that are named.

python data_prep/sources.py                          list
python data_prep/sources.py yamnet --folder F        download into F/official, convert into F
"""

import sys

from xmr.cli.app import execute

if __name__ == "__main__":
    sys.exit(execute(["source", *(["get", *sys.argv[1:]] if sys.argv[1:] else ["list"])]))
