"""ESC-50: index.csv with path, label and fold (CC BY-NC 3.0).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/NAME.
Official addresses, licence and checksums: `xmr data list`.

    python data_prep/esc50.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["esc50"], sys.argv[1:]))
