"""The face to people: pages. No logic; what they show is handed to them."""
