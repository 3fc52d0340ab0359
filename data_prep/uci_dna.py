"""Splice junctions and E. coli promoters: DNA of the UCI repository (CC BY 4.0).

What is already below XMR_DATA or in the cache is kept; the rest is fetched and brought to plain rows. The checksum of
the splice junctions is verified; none is known of the promoters. Official addresses: `xmr/data/public/datasets.py`.

    python data_prep/uci_dna.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["splice", "promoters"], sys.argv[1:]))
