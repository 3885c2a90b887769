"""The engine: pull a page, commit it with its cursor, conclude the proof."""
