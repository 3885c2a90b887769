"""The only room with SQL: the schema, its migrations, the queries, and Caudal's own server."""
