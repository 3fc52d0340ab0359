"""Sets of the UCR/UEA archive: NAME_TRAIN.ts and NAME_TEST.ts (cite Dau et al. 2018).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/NAME.
Official addresses, licence and checksums: `xmr/data/datasets.py` (`xmr data list` shows them).

    python data_prep/ucr.py NAME [FOLDER]
"""

import sys

from xmr.data.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets([f"ucr/{sys.argv[1]}"] if len(sys.argv) > 1 else [], sys.argv[2:]))
