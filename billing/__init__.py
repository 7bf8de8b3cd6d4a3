"""Rules of the business, in pure Python: values in, decisions out. No database, no network, no clock."""
