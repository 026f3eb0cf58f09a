"""The webhook: which addresses may be asked, the signature, the request, and when it is sent again."""
