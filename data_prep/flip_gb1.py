"""FLIP GB1: fitness of four-site variants, three splits (github.com/J-SNACKKB/FLIP, splits/gb1/splits.zip, AFL-3.0).

Official address, licence and checksums: `xmr data list`. Files already below
XMR_DATA or in the cache are kept; the rest is downloaded, unpacked and checked.

    python data_prep/flip_gb1.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["gb1_two_vs_rest", "gb1_low_vs_high", "gb1_sampled"], sys.argv[1:]))
