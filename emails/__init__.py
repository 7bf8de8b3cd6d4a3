"""What customers and finance read: the kinds of e-mail, their words in French and English, and the ways to send them."""
