"""47 textures, the first official partition.

The official archives to what xmr reads, images/dtd/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/dtd.

    python data_prep/dtd.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["dtd"], sys.argv[1:]))
