"""What openheart is for one application: its state, its reactions, its pages and its signals. No HTTP."""
