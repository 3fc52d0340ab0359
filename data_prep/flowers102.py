"""102 flowers, official parts (CoOp's larger training part in the papers' tables).

The official archives to what xmr reads, images/flowers102/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/flowers102.

    python data_prep/flowers102.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["flowers102"], sys.argv[1:]))
