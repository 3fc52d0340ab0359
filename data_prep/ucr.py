"""Sets of the UCR/UEA archive: NAME_TRAIN.ts and NAME_TEST.ts (cite Dau et al. 2018).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/ucr/NAME.
Official addresses, licence and checksums: `xmr data list`.

    python data_prep/ucr.py NAME [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    name, folder = sys.argv[1:2], sys.argv[2:]
    sys.exit(prepare_datasets([f"ucr/{each}" for each in name if not each.startswith("-")], folder))
