"""MongoDB: the client, the documents, and what goes wrong."""
