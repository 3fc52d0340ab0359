"""101 human actions, middle frames (to be brought by hand).

The official archives to what xmr reads, images/ucf101/ below the cache or FOLDER.

Official addresses, licence and checksums: `xmr data list`. What is already below
XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/ucf101.

    python data_prep/ucf101.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["ucf101"], sys.argv[1:]))
