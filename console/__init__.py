"""Pages: what links in mails open, and in development the previews of mails. A second Flask app beside the receiver."""
