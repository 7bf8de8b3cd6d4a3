"""What customers and finance read: the kinds of e-mail, their words in French and English, the ways to send them."""
