"""The command line: a face. It asks the hub, and shows what comes back."""
