"""Public sets of tables (xmr/data/public/tables.py): list, fetch, check and convert them.

    python data_prep/tables.py                   # names, tasks, licences, sizes, and what is here
    python data_prep/tables.py adult --folder F  # without --folder: into the cache
    python data_prep/tables.py adult --check     # compare what is here with its checksums

What lies below XMR_DATA or in the cache is reused; put official files that you fetched yourself into F/official/NAME.
"""

import sys

from xmr.cli.data import script

if __name__ == "__main__":
    sys.exit(script("tables", sys.argv[1:]))
