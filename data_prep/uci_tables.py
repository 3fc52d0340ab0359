"""Adult, German credit, horse colic and breast cancer: tables of the UCI repository (CC BY 4.0).

What is already below XMR_DATA or in the cache is kept; the rest is fetched and brought to plain rows, whose checksums
are verified (the official breast-cancer file puts the label first and orders its rows otherwise: no checksum is known).
Official addresses: `xmr data list`.

    python data_prep/uci_tables.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["adult", "german", "horse_colic", "breast_cancer"], sys.argv[1:]))
