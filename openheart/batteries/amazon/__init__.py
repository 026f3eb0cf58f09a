"""An S3 bucket: its client, its keys and the functions that applications call."""
