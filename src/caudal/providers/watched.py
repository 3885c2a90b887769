"""What adapters share that read what is public: a chain is watched, nobody logs in, and every pull reads it as it is."""

from caudal.providers.base import Access, WithoutWebhooks


class Watching(WithoutWebhooks):
    """The part of an adapter that nobody's permission is needed for."""

    async def refresh(self, access: Access) -> None:
        """Does nothing: the next pull reads the chain as it is then."""

    async def revoke(self, access: Access) -> None:
        """Does nothing: no server knows of the connection. Forgetting its secrets is all there is."""
