"""FLIP secondary structure: three states a residue (github.com/J-SNACKKB/FLIP, AFL-3.0).

Official address, licence and checksums: `xmr data list`. Files already below
XMR_DATA or in the cache are kept; the rest is downloaded, unpacked and checked.

    python data_prep/flip_secondary_structure.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["flip_secondary_structure"], sys.argv[1:]))
