"""Speech Commands v0.02: index.csv with path, label, set and speaker (CC BY 4.0).

What is already below XMR_DATA or in the cache is kept; archives brought by hand belong in FOLDER/official/NAME.
Official addresses, licence and checksums: `xmr data list`.

    python data_prep/speech_commands.py [FOLDER]
"""

import sys

from xmr.data.public.download import prepare_datasets

if __name__ == "__main__":
    sys.exit(prepare_datasets(["speech_commands"], sys.argv[1:]))
