"""ETTh1: an hourly table of a transformer's temperature and loads (CC BY-ND 4.0).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/NAME.
Official addresses, licence and checksums: `xmr data list`.

    python data_prep/ett.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["etth1"], sys.argv[1:]))
