"""What currencies and assets are worth: central banks and a market's prices. Not connections: nobody's, and the same
for all."""
