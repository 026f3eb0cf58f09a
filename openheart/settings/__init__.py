"""Settings: the table of options, how their values are found and cast, and how they are shown."""
