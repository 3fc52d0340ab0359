"""10 kinds of land seen from a satellite (no official split: a random one).

The official archives to what xmr reads, images/eurosat/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/eurosat.

    python data_prep/eurosat.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["eurosat"], sys.argv[1:]))
