"""196 cars (archives to be brought by hand).

The official archives to what xmr reads, images/stanford_cars/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/stanford_cars.

    python data_prep/stanford_cars.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["stanford_cars"], sys.argv[1:]))
