"""HogQL of the query endpoint: syntax, values, expressions, tables, and the evaluation of a query (contract 12)."""
