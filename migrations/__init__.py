"""The schema's history. Every step goes up and down, and is safe on a populated database."""
