"""43 German traffic signs.

The official archives to what xmr reads, images/gtsrb/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/gtsrb.

    python data_prep/gtsrb.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["gtsrb"], sys.argv[1:]))
