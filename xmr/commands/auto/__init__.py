"""`xmr auto`: try what suits the data, choose by left-out training records, test the best once, and save it."""
