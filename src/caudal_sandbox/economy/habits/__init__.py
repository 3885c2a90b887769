"""What holders do again and again. Each habit decides, day by day, what it makes at the desk.

A habit has ``live(desk)``, called once for each day in turn, and a stream of chance of its own.
"""
