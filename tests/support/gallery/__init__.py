"""The gallery: every part that pages are made of, and sample pages, with made-up data. Run as a module it writes files."""
