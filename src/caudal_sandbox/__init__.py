"""A sandbox: a simulated economy, and (over it) emulators that speak the providers' own wire formats.

Never imports Caudal and is never imported by it: an emulator written from our adapters would prove nothing.
"""
