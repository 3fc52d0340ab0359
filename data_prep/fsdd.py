"""Free spoken digits: recordings by name, digit_speaker_take.wav (CC BY-SA 4.0).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/NAME.
Official addresses, licence and checksums: `xmr data list`.

    python data_prep/fsdd.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["fsdd"], sys.argv[1:]))
