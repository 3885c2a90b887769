"""Bitso's API v3 over customers of its own: an exchange is no bank of the world.

Rooms: `books` what happened and what stands, `life` what a customer does, `answers` how it is told, `signing` who may
ask, `webhooks` what is told unasked, `service` the emulator.
"""
