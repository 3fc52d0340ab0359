"""100 kinds of objects, 32 x 32.

The official archives to what xmr reads, images/cifar100/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/cifar100.

    python data_prep/cifar100.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["cifar100"], sys.argv[1:]))
