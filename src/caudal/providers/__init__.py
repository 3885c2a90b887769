"""The ways in. Each provider is a function from a cursor to pages (base.py); nothing here touches the store."""
