"""Mail: the message, the server it goes to, and the functions that applications call."""
