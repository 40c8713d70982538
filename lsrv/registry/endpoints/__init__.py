"""What serves an entry, whatever it is: the protocols, all of them together, and how requests wait for them."""
