"""397 scenes, the first official partition.

The official archives to what xmr reads, images/sun397/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/sun397.

    python data_prep/sun397.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["sun397"], sys.argv[1:]))
