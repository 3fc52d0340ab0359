"""Antibody variants, two binding labels (github.com/Tessier-Lab-UMich/Emi_Pareto_Opt_ML, MIT).

Official address, licence and checksums: `xmr data list`. Files already below
XMR_DATA or in the cache are kept; the rest is downloaded, unpacked and checked.

    python data_prep/emi_antibody.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["emi_antibody"], sys.argv[1:]))
