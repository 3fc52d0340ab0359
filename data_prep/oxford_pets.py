"""37 breeds of cats and dogs.

The official archives to what xmr reads, images/oxford_pets/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/oxford_pets.

    python data_prep/oxford_pets.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["oxford_pets"], sys.argv[1:]))
