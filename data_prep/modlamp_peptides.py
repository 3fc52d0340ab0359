"""modlAMP's peptide sets, which come inside the pip package modlamp (BSD-3-Clause).

Official address, licence and checksums: `xmr data list`. Files already below
XMR_DATA or in the cache are kept; the rest is downloaded, unpacked and checked.

    python data_prep/modlamp_peptides.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(
        prepare_datasets(
            ["amp_vs_uniprot", "amp_vs_transmembrane", "acp_vs_random", "acp_vs_transmembrane"], sys.argv[1:]
        )
    )
