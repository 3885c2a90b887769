"""The API under /v1: resources of a space as JSON.

Which routes there are, what each takes, gives and asks for is declared with its handler (`endpoints.py`); the OpenAPI
document is made from that (`openapi.py`). No logic.
"""
