"""Modality encoders: records to `Encoded` values. Fitted on training records only; they hold no weights."""
